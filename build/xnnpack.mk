# XNNPACK's files of build/xnnpack-sources.txt, for emcc.mk. Included with XNNPACK_FLAGS set.

# Off: other processors' kernels (the defaults of these differ by version and would be compiled in), and what is not used.
XNNPACK_DEFINES := -DXNN_LOG_LEVEL=0 -DXNN_ENABLE_MEMOPT=1 -DXNN_ENABLE_GEMM_M_SPECIALIZATION=1 -DFXDIV_USE_INLINE_ASSEMBLY=0 \
  -DPTHREADPOOL_NO_DEPRECATED_API=1 $(patsubst %,-DXNN_ENABLE_%=0,CPUINFO KLEIDIAI SPARSE ASSEMBLY DWCONV_MULTIPASS JIT HVX \
  RISCV_VECTOR VSX ARM_FP16_VECTOR ARM_FP16_SCALAR ARM_BF16 ARM_DOTPROD ARM_I8MM ARM_SME ARM_SME2 AVXVNNI AVXVNNIINT8 \
  AVX256SKX AVX256VNNI AVX256VNNIGFNI AVX512F AVX512SKX AVX512VBMI AVX512VNNI AVX512VNNIGFNI AVX512AMX AVX512FP16)

XNNPACK_INCLUDES := -Ibuild/stub -I$(SOURCES)/xnnpack/include -I$(SOURCES)/xnnpack/src -I$(SOURCES)/fp16/include \
  -I$(SOURCES)/fxdiv/include -I$(SOURCES)/pthreadpool/include
XNNPACK_FLAGS += $(XNNPACK_INCLUDES) $(XNNPACK_DEFINES)

# $(call xnnpack_sources,simd|relaxed)
xnnpack_sources = $(shell awk '$$1 == "both" || $$1 == "$1" {print $$2}' build/xnnpack-sources.txt)

# $(call xnnpack,simd|relaxed). Kernels (in gen/ folders) are compiled for speed, the operators around them for size,
# and what is left out of them shows when they are linked (-flto): which of their ways nobody takes.
define xnnpack
$(OUT)/obj/xnnpack-$1/%.o: build/xnnpack_%.c build/xnnpack.mk $(RECIPE)
	@echo '  cc $$@'; mkdir -p $$(@D); $(EMSCRIPTEN)/emcc -std=gnu11 $(XNNPACK_FLAGS) $(SIMD_$1) -Os -flto -c $$< -o $$@
XNNPACK_OBJECTS_$1 := $(patsubst %,$(OUT)/obj/xnnpack-$1/%.o,configs convolution $(basename $(call xnnpack_sources,$1)))
$(OUT)/obj/xnnpack-$1/%.o: $(SOURCES)/xnnpack/%.c build/xnnpack.mk $(RECIPE)
	@echo '  cc $$@'; mkdir -p $$(@D); $(EMSCRIPTEN)/emcc -std=gnu11 $(XNNPACK_FLAGS) $(SIMD_$1) $$(if $$(findstring /gen/,$$<),-O3,-Os -flto) -c $$< -o $$@
$(OUT)/obj/xnnpack-$1/%.o: $(SOURCES)/xnnpack/%.cc build/xnnpack.mk $(RECIPE)
	@echo '  cc $$@'; mkdir -p $$(@D); $(EMSCRIPTEN)/em++ -std=c++17 -fno-exceptions -fno-rtti $(XNNPACK_FLAGS) $(SIMD_$1) $$(if $$(findstring /gen/,$$<),-O3,-Os -flto) -c $$< -o $$@
endef
$(foreach v,simd relaxed,$(eval $(call xnnpack,$v)))
