# kernels.mk - modules for kernels.mjs, from the objects of the package's own:  make -f tests/bench/kernels.mk
include emcc.mk

KERNELS := $(OUT)/bench/kernels-simd.wasm $(OUT)/bench/kernels-relaxed.wasm
.DEFAULT_GOAL := kernels
.PHONY: kernels
kernels: $(KERNELS)

define bench
$(OUT)/bench/$2-$1.o: tests/bench/$2.c tests/bench/kernels.mk
	@mkdir -p $$(@D); $(EMSCRIPTEN)/emcc -O3 $(CLIP_FLAGS) $(FLAGS_$1) -c $$< -o $$@
endef
$(foreach v,simd relaxed,$(foreach f,kernels depthwise,$(eval $(call bench,$v,$f))))
# XNNPACK as it is, to measure against: with its own tables of kernels, which the modules do without.
bench_xnnpack = $(patsubst %,$(OUT)/obj/xnnpack-$1/%.o,$(basename $(shell awk '$$1 == "both" || $$1 == "$1" {print $$2}' tests/bench/xnnpack-sources.txt)))
define kernels
$(OUT)/bench/kernels-$1.wasm: $(OUT)/bench/kernels-$1.o $(OUT)/bench/depthwise-$1.o $(filter-out %/wasm.o,$(OBJECTS_$1)) $(call bench_xnnpack,$1)
	@$(WASM_LD) -m wasm32 $(LINK) $$^ $$(call LIBRARIES,) -o $$@
endef
$(foreach v,simd relaxed,$(eval $(call kernels,$v)))
