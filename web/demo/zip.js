/** A ZIP file of small texts, stored as they are (PKWARE's APPNOTE 6.3, without what only large files need). */

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n;
});

/** @param {Uint8Array} bytes */
function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ TABLE[(crc ^ byte) & 255];
  return ~crc >>> 0;
}

/** Names must not climb out of where they are unpacked. @param {string} path */
const safe = path =>
  path
    .split(/[\\/]/)
    .filter(part => part && part !== '.' && part !== '..')
    .join('/');

/** At most 65,535 files and 4 GB: more than a page should hand over in one. @param {{ path: string, text: string }[]} files @returns {Blob} */
export function zipOf(files) {
  const utf8 = new TextEncoder();
  const parts = [];
  const directory = [];
  let at = 0;
  const header = (signature, fields) => {
    const bytes = new DataView(new ArrayBuffer(4 + fields.reduce((sum, [size]) => sum + size, 0)));
    bytes.setUint32(0, signature, true);
    let place = 4;
    for (const [size, value] of fields) {
      if (size === 2) bytes.setUint16(place, value, true);
      else bytes.setUint32(place, value, true);
      place += size;
    }
    return new Uint8Array(bytes.buffer);
  };
  for (const { path, text } of files) {
    const [name, data] = [utf8.encode(safe(path)), utf8.encode(text)];
    // version, flags (names are UTF-8), method, time, date (1980-01-01), checksum, sizes, length of the name, extra
    const common = [
      [2, 20],
      [2, 0x800],
      [2, 0],
      [2, 0],
      [2, 0x21],
      [4, crc32(data)],
      [4, data.length],
      [4, data.length],
      [2, name.length],
      [2, 0],
    ];
    const local = header(0x04034b50, common);
    directory.push(header(0x02014b50, [[2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, at]]), name);
    parts.push(local, name, data);
    at += local.length + name.length + data.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = header(0x06054b50, [
    [2, 0],
    [2, 0],
    [2, files.length],
    [2, files.length],
    [4, size],
    [4, at],
    [2, 0],
  ]);
  return new Blob([...parts, ...directory, end], { type: 'application/zip' });
}
