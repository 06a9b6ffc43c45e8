/** A sum of bytes that tells one content from another by accident, not against forgery: small files' versions, and kept labels. */

/**
 * Two multiplicative hashes of 32 bits, mixed at the end (bryc's cyrb53, public domain).
 * @param {Uint8Array} bytes @returns {string} 16 hexadecimal digits
 */
export function sumOf(bytes) {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57 ^ bytes.length;
  for (let i = 0; i < bytes.length; i++) {
    a = Math.imul(a ^ bytes[i], 2654435761);
    b = Math.imul(b ^ bytes[i], 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return [a, b].map(word => (word >>> 0).toString(16).padStart(8, '0')).join('');
}

/** Of a text. @param {string} text */
export const sumOfText = text => sumOf(new TextEncoder().encode(text));
