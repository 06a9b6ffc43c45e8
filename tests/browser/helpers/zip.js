/** Reads entries of a large ZIP file (ZIP64; entries stored as they are, or deflated) without reading all of it. */
import { open } from 'node:fs/promises';
import { inflateRawSync } from 'node:zlib';

/** @param {string} path */
export async function openZip(path) {
  const file = await open(path);
  const { size } = await file.stat();
  /** @param {number} at @param {number} length */
  const read = async (at, length) => {
    const bytes = Buffer.alloc(length);
    await file.read(bytes, 0, length, at);
    return bytes;
  };
  const tail = await read(Math.max(0, size - 66_000), Math.min(size, 66_000));
  const end = tail.lastIndexOf(Buffer.from('PK\x05\x06'));
  let [length, start] = [tail.readUInt32LE(end + 12), tail.readUInt32LE(end + 16)];
  const locator = tail.lastIndexOf(Buffer.from('PK\x06\x07'), end);
  if (locator >= 0) {
    const end64 = await read(Number(tail.readBigUInt64LE(locator + 8)), 56);
    [length, start] = [Number(end64.readBigUInt64LE(40)), Number(end64.readBigUInt64LE(48))];
  }
  const directory = await read(start, length);
  /** @type {Map<string, { at: number, packed: number, method: number }>} */
  const entries = new Map();
  for (let at = 0; at + 46 <= length; ) {
    const [nameLength, extra, comment] = [28, 30, 32].map(field => directory.readUInt16LE(at + field));
    const name = directory.toString('utf8', at + 46, at + 46 + nameLength);
    entries.set(name, {
      at: directory.readUInt32LE(at + 42),
      packed: directory.readUInt32LE(at + 20),
      method: directory.readUInt16LE(at + 10),
    });
    at += 46 + nameLength + extra + comment;
  }
  return {
    names: [...entries.keys()],
    /** @param {string} name */
    async read(name) {
      const { at, packed, method } = entries.get(name);
      const local = await read(at, 30);
      const bytes = await read(at + 30 + local.readUInt16LE(26) + local.readUInt16LE(28), packed);
      return method === 8 ? inflateRawSync(bytes) : bytes;
    },
    close: () => file.close(),
  };
}
