/* limits.h - how large a picture may be. */
#ifndef CLIP_IMAGE_LIMITS_H
#define CLIP_IMAGE_LIMITS_H

#define CLIP_IMAGE_MAX_CROP   1024         /* pixels a side of a crop */
#define CLIP_IMAGE_MAX_SIDE   65535        /* pixels; what JPEG can say */
#define CLIP_IMAGE_MAX_PIXELS (256u << 20) /* 268 megapixels: 805 MB as RGB8, what a 32-bit address space can bear */

/* Bytes that decoding may take: what a file of any size may, and besides for each of its bytes. A photo of 100 megapixels has many
 * bytes; a small file of as many was made to take a machine's memory, or is a plain colour. */
#define CLIP_IMAGE_FREE_MEMORY     (192u << 20)
#define CLIP_IMAGE_MEMORY_PER_BYTE 64

/* The same for work: blocks that a progressive JPEG's scans may walk over. */
#define CLIP_IMAGE_FREE_BLOCKS     (6u << 20)
#define CLIP_IMAGE_BLOCKS_PER_BYTE 12

#endif
