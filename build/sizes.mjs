// Prints files' sizes, and what is left of them after brotli, as a web server sends them.
// usage: node build/sizes.mjs FILE...
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { brotliCompressSync } from 'node:zlib';

const kb = bytes => `${(bytes / 1000).toFixed(1)} KB`.padStart(9);
for (const file of process.argv.slice(2)) {
  const bytes = readFileSync(file);
  console.log(`  ${basename(file).padEnd(28)}${kb(bytes.length)}  brotli ${kb(brotliCompressSync(bytes).length)}`);
}
