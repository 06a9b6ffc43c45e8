/* Any bytes as a configuration. */
#include <stdint.h>
#include <stdlib.h>

#include "../../src/weights/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    clip_config config;
    if (clip_config_parse(&config, (const char *)data, size) != CLIP_OK) return 0;
    /* What is accepted divides evenly: the towers rely on it. */
    if (config.text.transformer.width % config.text.transformer.heads) abort();
    if (config.vision.form == CLIP_VISION_TRANSFORMER && config.vision.transformer.width % config.vision.transformer.heads) abort();
    if (config.vision.form == CLIP_MODIFIED_RESNET && config.vision.image_size % 32) abort();
    return 0;
}
