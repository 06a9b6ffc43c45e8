/* In the place of Emscripten's header, for XNNPACK alone: its one EM_JS function asks JavaScript for the number of cores
 * to tell desktop machines, whose kernels differ, from others. The modules import no functions, and take the first. */
#define EM_JS(type, name, parameters, ...) \
    static inline type name parameters { return 8; }
