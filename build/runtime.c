/* runtime.c - what Emscripten's libc asks of its JavaScript, so that the modules need none. wasm builds only. */
#include <stddef.h>

#define PAGE 65536u

extern void __wasm_call_ctors(void);

/* Runs constructors; once per memory, on the thread that instantiates first. */
__attribute__((export_name("_initialize"))) void clip_runtime_initialize(void) { __wasm_call_ctors(); }

/* sbrk's: makes the memory at least `bytes` long. Grows by no more than is asked for: models bring their own sizes. */
int emscripten_resize_heap(size_t bytes) {
    size_t pages = bytes / PAGE + (bytes % PAGE != 0);
    size_t present = __builtin_wasm_memory_size(0);
    return pages <= present || __builtin_wasm_memory_grow(0, pages - present) != (size_t)-1;
}

/* memcpy's, for long copies. */
void _emscripten_memcpy_js(void *to, const void *from, size_t bytes) { __builtin_memcpy(to, from, bytes); }

_Noreturn void abort(void) { __builtin_trap(); }
