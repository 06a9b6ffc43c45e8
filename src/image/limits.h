/* limits.h - how large a picture may be. */
#ifndef CLIP_IMAGE_LIMITS_H
#define CLIP_IMAGE_LIMITS_H

#define CLIP_IMAGE_MAX_CROP   1024         /* pixels a side of a crop */
#define CLIP_IMAGE_MAX_SIDE   65535        /* pixels; what JPEG can say */
#define CLIP_IMAGE_MAX_PIXELS (256u << 20) /* 268 megapixels: 805 MB as RGB8, what a 32-bit address space can bear */

#endif
