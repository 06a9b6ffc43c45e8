# native.mk - the C core on this machine, and its tests:  make -f build/native.mk -j2 [tests|wasm-tests|library|fuzz|threads|coverage]
#
#     tests        build/out/native/asan/test_*      tests/c/test_*.c under the address and undefined-behaviour sanitizers
#     wasm-tests   build/out/wasm-tests/test_*.js    the same tests as plain-SIMD wasm, for Node
#     library      build/out/native/release/libclip.a   optimized, without sanitizers; and programs of tests/bench/*.c
#     fuzz         build/out/native/fuzz/fuzz_*      tests/fuzz/fuzz_*.c with libFuzzer (clang)
#     threads      build/out/native/tsan/test_*      those of tests/c that start threads, under the thread sanitizer (clang)
#     coverage     build/out/native/coverage/fuzz_*  the fuzzers, counting what of src/ they reach (clang)
#
# Kernels are the ones that ship: ours compile against SIMDe's WebAssembly intrinsics (src/compute/simd.h), and so do XNNPACK's,
# which take this machine for WebAssembly by a changed copy of one header. All programs run from the repository's root.

.DEFAULT_GOAL := tests
include emcc.mk
.DEFAULT_GOAL := tests

NATIVE := $(OUT)/native
TREE   := $(NATIVE)/xnnpack/src
CC     := $(if $(filter default,$(origin CC)),$(shell command -v clang || command -v gcc || echo cc),$(CC))
CXX    := $(if $(filter default,$(origin CXX)),$(if $(findstring clang,$(CC)),$(subst clang,clang++,$(CC)),$(if $(findstring gcc,$(CC)),$(subst gcc,g++,$(CC)),c++)),$(CXX))

SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
NATIVE_asan    := -g -O1 -fno-omit-frame-pointer $(SANITIZE)
NATIVE_release := -g -O2 -march=native -DNDEBUG
NATIVE_fuzz    := $(NATIVE_asan) -fsanitize=fuzzer-no-link
NATIVE_tsan    := -g -O1 -fno-omit-frame-pointer -fsanitize=thread
# What of the sources the seeds of the fuzzers reach: see tests/fuzz/coverage.sh.
NATIVE_coverage := -g -O1 -fprofile-instr-generate -fcoverage-mapping

# cmocka, as its CMake would configure it for a POSIX system. Its header would define uintptr_t, wrongly for wasm's C library.
CMOCKA_INCLUDE := -isystem $(SOURCES)/cmocka/include -D_UINTPTR_T -D_UINTPTR_T_DEFINED
# test_unicode compares with utf8proc, of which the shipped tables are made.
TEST_INCLUDE := $(CMOCKA_INCLUDE) -isystem $(SOURCES)/utf8proc -DUTF8PROC_STATIC
CMOCKA_FLAGS := -std=gnu11 -w $(CMOCKA_INCLUDE) $(patsubst %,-DHAVE_%=1,ASSERT_H INTTYPES_H MALLOC_H SETJMP_H SIGNAL_H \
  STDARG_H STDDEF_H STDINT_H STDIO_H STDLIB_H STRING_H STRINGS_H SYS_STAT_H SYS_TYPES_H TIME_H UNISTD_H CALLOC EXIT FPRINTF \
  FREE LONGJMP MALLOC MEMCPY MEMSET PRINTF SETJMP SIGNAL SNPRINTF STRCMP STRCPY STRSIGNAL VSNPRINTF CLOCK_GETTIME \
  CLOCK_REALTIME STRUCT_TIMESPEC GCC_THREAD_LOCAL_STORAGE)

NATIVE_CLIP := -std=gnu11 -Wall -Wextra -Werror -fno-math-errno -pthread -DCLIP_THREADS=1 -DCLIP_RELAXED=1 -Isrc -I$(UNICODE) \
  $(addprefix -isystem $(SOURCES)/,xnnpack/include pthreadpool/include pthreadpool/src fxdiv/include stb jsmn simde)
# The C libraries' own habits are not ours to judge: of the undefined behaviours only overruns count there.
NATIVE_XNNPACK := -w -ffunction-sections -fdata-sections -pthread -fno-sanitize=undefined -fno-math-errno -I$(TREE) -Ibuild/stub/native $(XNNPACK_INCLUDES) \
  -I$(SOURCES)/simde $(XNNPACK_DEFINES)
NATIVE_POOL := -std=gnu11 -w -pthread -fno-sanitize=undefined $(PTHREADPOOL_INCLUDES)

# All but the border to JavaScript.
NATIVE_SOURCES := $(filter-out src/wasm.c src/readers.c,$(wildcard src/*.c src/*/*.c))
NATIVE_POOL_SOURCES := $(if $(wildcard $(BACKEND)),portable-api memory,shim)

# XNNPACK, with this machine taken for WebAssembly with SIMD: links to its sources around a changed common.h.
$(TREE)/xnnpack/common.h: $(SOURCES)/xnnpack/src/xnnpack/common.h build/native.mk
	@rm -rf $(TREE); mkdir -p $(@D); ln -s $(filter-out %/xnnpack,$(wildcard $(SOURCES)/xnnpack/src/*)) $(TREE)
	@ln -s $(filter-out %/common.h,$(wildcard $(SOURCES)/xnnpack/src/xnnpack/*)) $(@D)
	@sed -E 's/(#define XNN_ARCH_[A-Z0-9_]+) 1/\1 0/; s/XNN_ARCH_WASMSIMD 0/XNN_ARCH_WASMSIMD 1/' $< > $@

# $(call native,asan|release|fuzz|tsan|coverage); fuzzers take XNNPACK as the tests have it: libFuzzer's counters would keep what the linker drops.
define native
$(NATIVE)/$1/obj/src/%.o: src/%.c build/native.mk
	@echo '  cc $$@'; mkdir -p $$(@D); $(CC) $(NATIVE_CLIP) $(NATIVE_$1) -MMD -MP -c $$< -o $$@
$(NATIVE)/$1/obj/xnnpack/%.o: $(SOURCES)/xnnpack/%.c $(TREE)/xnnpack/common.h
	@echo '  cc $$@'; mkdir -p $$(@D); $(CC) -std=gnu11 $(NATIVE_$1) $(NATIVE_XNNPACK) -c $(NATIVE)/xnnpack/$$*.c -o $$@
$(NATIVE)/$1/obj/xnnpack/%.o: $(SOURCES)/xnnpack/%.cc $(TREE)/xnnpack/common.h
	@echo '  cc $$@'; mkdir -p $$(@D); $(CXX) -std=c++17 -fno-exceptions -fno-rtti $(NATIVE_$1) $(NATIVE_XNNPACK) -c $(NATIVE)/xnnpack/$$*.cc -o $$@
$(NATIVE)/$1/obj/xnnpack/%.o: build/xnnpack_%.c $(TREE)/xnnpack/common.h
	@echo '  cc $$@'; mkdir -p $$(@D); $(CC) -std=gnu11 $(NATIVE_$1) $(NATIVE_XNNPACK) -c $$< -o $$@
$(NATIVE)/$1/obj/pthreadpool/%.o: $(SOURCES)/pthreadpool/src/%.c build/native.mk
	@echo '  cc $$@'; mkdir -p $$(@D); $(CC) $(NATIVE_$1) $(NATIVE_POOL) -c $$< -o $$@
$(NATIVE)/$1/obj/src/tokenizer/unicode.o: $(TABLES)
$(NATIVE)/$1/obj/utf8proc.o: $(SOURCES)/utf8proc/utf8proc.c build/native.mk
	@echo '  cc $$@'; mkdir -p $$(@D); $(CC) $(NATIVE_$1) -w -fno-sanitize=undefined -DUTF8PROC_STATIC -c $$< -o $$@
$(NATIVE)/$1/obj/cmocka.o: $(SOURCES)/cmocka/src/cmocka.c build/native.mk
	@echo '  cc $$@'; mkdir -p $$(@D); $(CC) $(NATIVE_$1) $(CMOCKA_FLAGS) -c $$< -o $$@

NATIVE_OBJECTS_$1 := $(NATIVE_SOURCES:src/%.c=$(NATIVE)/$1/obj/src/%.o) $(NATIVE_POOL_SOURCES:%=$(NATIVE)/$1/obj/pthreadpool/%.o) \
  $(patsubst %,$(NATIVE)/$(if $(filter fuzz,$1),asan,$(if $(filter coverage,$1),release,$1))/obj/xnnpack/%.o,configs convolution $(basename $(call xnnpack_sources,simd)))
$(NATIVE)/$1/libclip.a: $$(NATIVE_OBJECTS_$1)
	@rm -f $$@; ar rcs $$@ $$^

$(NATIVE)/$1/test_%: tests/c/test_%.c $(NATIVE)/$1/libclip.a $(NATIVE)/$1/obj/cmocka.o
	@echo '  ld $$@'; $(CC) $(NATIVE_CLIP) $(TEST_INCLUDE) $(NATIVE_$1) -MMD -MP -MF $$@.d $$(filter %.c %.o %.a,$$^) $(NATIVE_LINK) \
	  $$(if $$(findstring failing,$$@),$$(WRAP)) -o $$@
$(NATIVE)/$1/bench_%: tests/bench/bench_%.c $(NATIVE)/$1/libclip.a
	@echo '  ld $$@'; $(CC) $(NATIVE_CLIP) $(NATIVE_$1) -MMD -MP -MF $$@.d $$(filter %.c %.o %.a,$$^) $(NATIVE_LINK) -o $$@
$(NATIVE)/$1/fuzz_%: tests/fuzz/fuzz_%.c $(NATIVE)/$1/libclip.a
	@echo '  ld $$@'; $(CC) $(NATIVE_CLIP) $(NATIVE_$1) -fsanitize=fuzzer -MMD -MP -MF $$@.d $$(filter %.c %.o %.a,$$^) $(NATIVE_LINK) -o $$@
$(NATIVE)/$1/test_unicode: $(NATIVE)/$1/obj/utf8proc.o
-include $$(NATIVE_OBJECTS_$1:.o=.d)
endef

# test_failing lets allocations fail.
COMMA := ,
WRAP := $(addprefix -Wl$(COMMA)--wrap=,malloc calloc realloc aligned_alloc)

# Unused parts refer to XNNPACK operators that are not built: the linker drops both.
NATIVE_LINK := -Wl,--gc-sections -lm -pthread

$(foreach v,asan release fuzz tsan coverage,$(eval $(call native,$v)))

# ---- the same tests as wasm ----

WASM_TESTS := $(OUT)/wasm-tests
WASM_TEST_LIBRARY := $(filter-out %/runtime.o %/wasm.o,$(OBJECTS_simd)) $(READING:%.c=$(OUT)/obj/readers/%.o) $(XNNPACK_OBJECTS_simd)
$(WASM_TESTS)/cmocka.o: $(SOURCES)/cmocka/src/cmocka.c build/native.mk
	@echo '  cc $@'; mkdir -p $(@D); $(EMSCRIPTEN)/emcc -O1 $(CMOCKA_FLAGS) -c $< -o $@
$(WASM_TESTS)/utf8proc.o: $(SOURCES)/utf8proc/utf8proc.c build/native.mk
	@echo '  cc $@'; mkdir -p $(@D); $(EMSCRIPTEN)/emcc -O1 -w -DUTF8PROC_STATIC -c $< -o $@
$(WASM_TESTS)/test_unicode.js: $(WASM_TESTS)/utf8proc.o
# Kept, so that a second make finds them.
.PRECIOUS: $(WASM_TESTS)/%.o $(NATIVE)/%.o $(NATIVE)/%.a
$(WASM_TESTS)/%.o: tests/c/%.c build/native.mk
	@echo '  cc $@'; mkdir -p $(@D); $(EMSCRIPTEN)/emcc $(filter-out -DNDEBUG,$(CLIP_FLAGS)) -O1 $(SIMD_simd) $(TEST_INCLUDE) -MMD -MP -c $< -o $@
$(WASM_TESTS)/test_%.js: $(WASM_TESTS)/test_%.o $(WASM_TESTS)/cmocka.o $(WASM_TEST_LIBRARY)
	@echo '  ld $@'; $(EMSCRIPTEN)/emcc -O1 $(SIMD_simd) -Wl,--gc-sections -sNODERAWFS=1 -sALLOW_MEMORY_GROWTH=1 -sMAXIMUM_MEMORY=4GB \
	  -sSTACK_SIZE=1MB -sEXIT_RUNTIME=1 -sENVIRONMENT=node $(if $(findstring test_failing,$@),$(WRAP)) $^ -o $@
	@echo '{ "type": "commonjs" }' > $(@D)/package.json

TESTS  := $(patsubst tests/c/%.c,%,$(wildcard tests/c/test_*.c))
BENCH  := $(patsubst tests/bench/%.c,%,$(wildcard tests/bench/bench_*.c))
FUZZ   := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
-include $(TESTS:%=$(NATIVE)/asan/%.d) $(TESTS:%=$(NATIVE)/tsan/%.d) $(TESTS:%=$(WASM_TESTS)/%.d) $(FUZZ:%=$(NATIVE)/fuzz/%.d) $(FUZZ:%=$(NATIVE)/coverage/%.d)

.PHONY: tests wasm-tests library fuzz threads coverage
tests: $(TESTS:%=$(NATIVE)/asan/%)
wasm-tests: $(TESTS:%=$(WASM_TESTS)/%.js)
library: $(NATIVE)/release/libclip.a $(BENCH:%=$(NATIVE)/release/%)
fuzz: $(FUZZ:%=$(NATIVE)/fuzz/%)
threads: $(patsubst tests/c/%.c,$(NATIVE)/tsan/%,$(shell grep -l pthread_create tests/c/test_*.c))
coverage: $(FUZZ:%=$(NATIVE)/coverage/%)
