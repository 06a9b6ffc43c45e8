/* Any bytes as an ONNX file. */
#include "catalog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) { return read_catalog(CLIP_FILE_ONNX, data, size); }
