/* exif.h - how a camera was held, from the three places where files say so. */
#ifndef CLIP_EXIF_H
#define CLIP_EXIF_H

#include <stddef.h>
#include <stdint.h>

/* Each returns the orientation 1..8 (CIPA DC-008, tag 0x0112), 1 for a value out of range, or 0 if there is none. */

/* A TIFF structure: what follows "Exif\0\0" in a JPEG's APP1, or a PNG's eXIf chunk. */
uint32_t clip_exif_orientation(const uint8_t *tiff, size_t length);

/* The same as hexadecimal text ("\nexif\n      32\n45786966..."), as ImageMagick puts it into PNG's "Raw profile type
 * exif". */
uint32_t clip_exif_orientation_hex(const uint8_t *text, size_t length);

/* An XMP packet's tiff:Orientation, attribute or element. */
uint32_t clip_exif_orientation_xmp(const uint8_t *xmp, size_t length);

#endif
