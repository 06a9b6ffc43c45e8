# emcc.mk - the WebAssembly modules:  make -f emcc.mk -j2
#
#     web/wasm/clip-{simd,relaxed}{,-threads}.wasm        (DEBUG=1: with names, for stack traces and profiles)
#     web/wasm/clip-readers.wasm                          src/readers.c: only what files of other forms need, without SIMD
#
# They are plain modules, without Emscripten's JavaScript: they import no functions and keep readable names.
#
#   clip-simd, clip-relaxed                import nothing and export `memory`, which grows up to 4 GiB.
#     1. instance = new WebAssembly.Instance(module, {});   2. exports._initialize()      clip-readers likewise
#   clip-simd-threads, clip-relaxed-threads     import env.memory, which JavaScript creates:
#     1. memory = new WebAssembly.Memory({ initial: 32, maximum: up to 65536, shared: true })   (pages of 64 KiB)
#     2. the first thread instantiates with { env: { memory } }, which also fills in the data, and calls _initialize().
#     3. for each further thread it takes `block = exports.malloc(STACK + __tls_size + __tls_align)` and posts module,
#        memory and block to a worker, which instantiates the same module on the same memory (the data is left alone),
#        and before it calls any other export gives itself a stack, which grows downwards, and thread-local storage:
#            exports.__stack_pointer.value = block + STACK                       (STACK: a multiple of 16, say 65536)
#            exports.__wasm_init_tls(align(block + STACK, exports.__tls_align.value))
#        It then calls the export that waits for work (engine_work). _initialize() is not called again.
#     Views of memory.buffer must be made anew after a call that may have grown it; a shared one may lag behind.
#
# Exports: functions marked export_name in src/wasm.c (src/readers.c), and memory, __stack_pointer, __wasm_init_tls, __tls_size,
# __tls_align, _initialize, __heap_base.
#
# An emcc on PATH is used when it is new enough; otherwise build/toolchain.sh fetches one. build/out/ holds the objects.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

OUT := build/out

# Made by the scripts when they are missing, older than these, or name a cache folder that is gone; make then starts over.
-include $(OUT)/toolchain.mk $(OUT)/sources.mk
$(OUT)/toolchain.mk: build/toolchain.sh build/common.sh build/debian.sh $(if $(wildcard $(WASM_LD)),,again)
	@build/toolchain.sh && touch $@
$(OUT)/sources.mk: build/sources.sh build/sources.txt build/common.sh build/debian.sh $(if $(wildcard $(SOURCES)/xnnpack),,again)
	@build/sources.sh && touch $@
.PHONY: again

# Objects are made anew when these lines change, or when they come from another Emscripten or other sources.
VERSIONS := $(OUT)/versions/$(subst /,_,$(EMSCRIPTEN))-$(notdir $(SOURCES))
$(VERSIONS): ; @mkdir -p $(@D); rm -f $(@D)/*; touch $@
RECIPE := emcc.mk $(VERSIONS)

VARIANTS := simd relaxed simd-threads relaxed-threads

# ---- Unicode: tables of what the tokenizer asks, made here out of utf8proc's, which hold much more ----

# Compiled for the machine that builds. Not CC: under emmake that is emcc.
HOST_CC := $(shell command -v gcc || command -v clang || echo cc)
UNICODE := $(OUT)/unicode
TABLES  := $(UNICODE)/unicode_tables.h
$(UNICODE)/utf8proc.o: $(SOURCES)/utf8proc/utf8proc.c $(RECIPE)
	@echo '  cc $@'; mkdir -p $(@D); $(HOST_CC) -O1 -w -DUTF8PROC_STATIC -c $< -o $@
$(UNICODE)/unicode_tables: build/unicode_tables.c $(UNICODE)/utf8proc.o
	@echo '  cc $@'; $(HOST_CC) -std=gnu11 -O1 -Wall -Wextra -Werror -DUTF8PROC_STATIC -isystem $(SOURCES)/utf8proc $^ -o $@
$(TABLES): $(UNICODE)/unicode_tables
	@$< > $@

# ---- flags ----

SIMD_simd    := -msimd128
SIMD_relaxed := -msimd128 -mrelaxed-simd
OPTIMIZE     := -DNDEBUG -ffunction-sections -fdata-sections $(if $(DEBUG),-g)

# Files outside the arithmetic are compiled for size, 14 KB less after brotli, and those without a loop that counts for nothing but size:
# another 1 KB. Reading a picture takes no longer.
SMALL    := batch_norm bert bmp converter convolution_xnnpack efficientnet fastvit gif intact jpeg_file jpeg_smooth png pnm psd resnet \
  search siglip stream text token_table tokenizer transformer vit
SMALLEST := arena catalog config engine exif fastvit_convolution format json json_events merges names onnx pickle pthreadpool_backend readers runtime \
  safetensors slots status tokenizer_file tokenizer_settings torch tower unicode wasm
speed     = $(if $(filter $(SMALL),$(basename $(notdir $1))),-Os,$(if $(filter $(SMALLEST),$(basename $(notdir $1))),-Oz,-O3))

# For every module, threads or not: the kernels are the same, and only main-thread code touches XNNPACK's own state.
XNNPACK_FLAGS := $(OPTIMIZE) -matomics -mbulk-memory -fno-math-errno -w
include build/xnnpack.mk

PTHREADPOOL_INCLUDES := -I$(SOURCES)/pthreadpool/include -I$(SOURCES)/pthreadpool/src -I$(SOURCES)/fxdiv/include \
  -DFXDIV_USE_INLINE_ASSEMBLY=0 -DPTHREADPOOL_USE_CONDVAR=0 -DPTHREADPOOL_USE_FUTEX=1
PTHREADPOOL_FLAGS := $(OPTIMIZE) -std=gnu11 -w $(PTHREADPOOL_INCLUDES)

CLIP_FLAGS := $(OPTIMIZE) -std=gnu11 -Wall -Wextra -Werror -fno-math-errno -mbulk-memory -Isrc -I$(UNICODE) \
  $(addprefix -isystem $(SOURCES)/,xnnpack/include pthreadpool/include pthreadpool/src fxdiv/include stb jsmn)

# ---- what goes into which module ----

# Only the readers' module has what they alone use.
READING      := src/weights/catalog.c src/weights/onnx.c src/weights/pickle.c src/weights/torch.c src/tokenizer/json_events.c \
  $(wildcard src/tokenizer/subwords*.c src/tokenizer/tokenizer_*.c)
CLIP_SOURCES := $(filter-out src/readers.c $(READING),$(wildcard src/*.c src/*/*.c)) build/runtime.c
BACKEND      := src/compute/pthreadpool_backend.c
RELAXED_ONLY := $(filter src/compute/kernels_relaxed%.c,$(CLIP_SOURCES))

# $(call variant,NAME,simd|relaxed,threads or nothing)
define variant
CLIP_SOURCES_$1 := $(filter-out $(if $3,,$(BACKEND)) $(if $(filter simd,$2),$(RELAXED_ONLY)),$(CLIP_SOURCES))
POOL_SOURCES_$1 := $(if $3,$(if $(wildcard $(BACKEND)),portable-api memory,shim),shim)
OBJECTS_$1 := $$(patsubst %.c,$(OUT)/obj/$1/%.o,$$(CLIP_SOURCES_$1)) \
  $$(patsubst %,$(OUT)/obj/$1/pthreadpool/%.o,$$(POOL_SOURCES_$1))
FLAGS_$1 := $(SIMD_$2) $(if $3,-matomics -mbulk-memory -DCLIP_THREADS=1) $(if $(filter relaxed,$2),-DCLIP_RELAXED=1)

$(OUT)/obj/$1/src/%.o: src/%.c $(RECIPE) ; @echo '  cc $$@'; mkdir -p $$(@D); $(EMSCRIPTEN)/emcc $(CLIP_FLAGS) $$(call speed,$$<) $$(FLAGS_$1) -MMD -MP -c $$< -o $$@
$(OUT)/obj/$1/build/%.o: build/%.c $(RECIPE) ; @echo '  cc $$@'; mkdir -p $$(@D); $(EMSCRIPTEN)/emcc $(CLIP_FLAGS) $$(call speed,$$<) $$(FLAGS_$1) -MMD -MP -c $$< -o $$@
$(OUT)/obj/$1/pthreadpool/%.o: $(SOURCES)/pthreadpool/src/%.c $(RECIPE)
	@echo '  cc $$@'; mkdir -p $$(@D); $(EMSCRIPTEN)/emcc -Os $(PTHREADPOOL_FLAGS) $$(FLAGS_$1) -c $$< -o $$@
$(OUT)/obj/$1/src/tokenizer/unicode.o: $(TABLES)

$(OUT)/link/clip-$1.wasm: $$(OBJECTS_$1) $$(XNNPACK_OBJECTS_$2)
	@echo '  ld $$@'; mkdir -p $$(@D); $(WASM_LD) -m wasm32 $(LINK) $(if $3,$(LINK_THREADS)) $$^ $$(call LIBRARIES,$(if $3,-ww)) -o $$@

-include $$(OBJECTS_$1:.o=.d)
endef

# ---- linking ----
# wasm-ld itself, not emcc: emcc would insist on its own JavaScript for shared memory. The libraries of the threads
# modules are those for "wasm workers" (-ww): they lock what is shared, and start no threads. The stack comes first in
# memory, so that overflowing it traps instead of overwriting data.

LINK := --no-entry --gc-sections --stack-first -z stack-size=524288 --max-memory=4294967296 $(if $(DEBUG),,--strip-debug) \
  --export-if-defined=__heap_base
LINK_THREADS := --import-memory --shared-memory --export=__stack_pointer --export=__wasm_init_tls --export=__tls_size \
  --export=__tls_align
LIBRARIES = $(wildcard $(SYSTEM_LIBRARIES)/libbulkmemory.a) \
  $(patsubst %,$(SYSTEM_LIBRARIES)/lib%$1.a,c emmalloc compiler_rt)

WASM_OPT_FLAGS := -O3 -Os --reorder-functions --enable-simd --enable-bulk-memory --enable-sign-ext --enable-mutable-globals \
  --enable-nontrapping-float-to-int $(if $(DEBUG),-g,--strip-debug --strip-producers --strip-target-features)

# The readers': one for all engines. What it shares with the others is compiled once more, all of it for size.
READERS_OBJECTS := $(patsubst %.c,$(OUT)/obj/readers/%.o,src/readers.c $(READING) src/status.c src/tokenizer/unicode.c \
  src/tokenizer/tokenizer.c src/tokenizer/merges.c src/weights/json.c src/weights/names.c \
  src/weights/safetensors.c src/weights/quantize.c build/runtime.c)
$(OUT)/obj/readers/%.o: %.c $(RECIPE) ; @echo '  cc $@'; mkdir -p $(@D); $(EMSCRIPTEN)/emcc $(CLIP_FLAGS) $(subst -O3,-Os,$(call speed,$<)) -MMD -MP -c $< -o $@
$(OUT)/obj/readers/src/tokenizer/unicode.o: $(TABLES)
$(OUT)/link/clip-readers.wasm: $(READERS_OBJECTS)
	@echo '  ld $@'; mkdir -p $(@D); $(WASM_LD) -m wasm32 $(LINK) $^ $(call LIBRARIES,) -o $@
-include $(READERS_OBJECTS:.o=.d)

$(foreach v,$(VARIANTS),$(eval $(call variant,$v,$(firstword $(subst -, ,$v)),$(findstring threads,$v))))

# The steps between are kept, so that a second make finds them.
.PRECIOUS: $(OUT)/wasm/%.wasm
$(OUT)/wasm/clip-%.wasm: $(OUT)/link/clip-%.wasm
	@echo '  opt $@'; mkdir -p $(@D); $(WASM_OPT) $(WASM_OPT_FLAGS) $(if $(findstring relaxed,$*),--enable-relaxed-simd) \
	  $(if $(findstring threads,$*),--enable-threads) $< -o $@

web/wasm/%.wasm: $(OUT)/wasm/%.wasm
	@mkdir -p $(@D); cp $< $@.new && mv $@.new $@

# Search: src/compute/search.c alone, so small that it travels in a script. It imports nothing; its memory is its caller's to lay out,
# from __heap_base on.
SEARCH_EXPORTS := $(addprefix --export=clip_search_,unit f32 round lengths round_query q8 largest)
$(OUT)/link/search.wasm: $(OUT)/obj/simd/src/compute/search.o
	@echo '  ld $@'; mkdir -p $(@D); $(WASM_LD) -m wasm32 --no-entry --gc-sections --stack-first -z stack-size=8192 \
	  --max-memory=4294967296 --strip-debug --export=__heap_base $(SEARCH_EXPORTS) $< -o $@
$(OUT)/wasm/search.wasm: $(OUT)/link/search.wasm
	@echo '  opt $@'; mkdir -p $(@D); $(WASM_OPT) $(subst -O3,-Os,$(WASM_OPT_FLAGS)) $< -o $@
web/wasm/search.js: $(OUT)/wasm/search.wasm
	@mkdir -p $(@D); printf "/** src/compute/search.c as a WebAssembly module, in base64. Made by emcc.mk. */\nexport const SEARCH = '%s';\n" \
	  "$$(base64 -w0 $<)" > $@.new && mv $@.new $@

# The notices of the libraries' licences, which travel with the modules.
web/wasm/NOTICES.txt: build/notices.mjs $(RECIPE)
	@mkdir -p $(@D); node build/notices.mjs $(SOURCES) $(EMSCRIPTEN) $@

MODULES := $(VARIANTS:%=web/wasm/clip-%.wasm) web/wasm/clip-readers.wasm

# Said when a module changed: brotli at its best takes seconds.
$(OUT)/sizes.txt: $(MODULES)
	@node build/sizes.mjs $(MODULES) | tee $@

.PHONY: all clean
all: $(OUT)/sizes.txt web/wasm/search.js web/wasm/NOTICES.txt
clean:
	rm -rf $(OUT)/obj $(OUT)/link $(OUT)/wasm $(OUT)/native $(UNICODE) web/wasm
