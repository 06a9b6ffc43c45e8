/* onnx.h - the weights in an ONNX file: its initializers, named as the model's parameters are.
 *
 * An exporter keeps parameters' names for what it does not touch, but turns the weights of linear layers round, (in, out), and names
 * them anew ("onnx::MatMul_1234"); the node that multiplies with one still has the module's path ("/visual_projection/MatMul"). A
 * quantizer leaves <name>_quantized, <name>_scale and <name>_zero_point, or blocks of 4 bits for MatMulNBits. The graph itself is not
 * read further: a model's configuration says what is computed. Reference: onnx.proto; onnxruntime's ContribOperators.md. */
#ifndef CLIP_ONNX_H
#define CLIP_ONNX_H

#include "weights/catalog.h"

/* A reader's state; NULL: out of memory. */
void *clip_onnx_open(clip_index_reader *reader);

#endif
