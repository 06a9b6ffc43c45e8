/* checksum.h - whether bytes are still what they were: quick enough to ask at every load, against errors and not against forgery.
 *
 * Fletcher's two sums ("An arithmetic checksum for serial transmissions", 1982) of 32-bit words modulo 2^32, in four lanes, mixed
 * into one number at the end.
 */
#ifndef CLIP_CHECKSUM_H
#define CLIP_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Of `length` bytes (not aligned) that follow those whose checksum is `before`; 0 at the beginning. */
uint32_t clip_checksum(const uint8_t *bytes, size_t length, uint32_t before);

#endif
