/** clip-wasm copy: the package's own files to where an app serves them, for bundlers that take nothing along. */
import { cp, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ClipError } from '../error.js';
import { Usage } from './terminal.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** What the worker imports, and it. */
const SCRIPTS = ['web/error.js', 'web/engine', 'web/models', 'web/pictures', 'web/session'];

/** @param {{ 'no-weights'?: boolean }} values @param {string[]} positionals */
export async function copy(values, positionals) {
  if (positionals.length !== 1) throw new Usage('copy takes one folder');
  const [folder] = positionals;
  const model = values['no-weights'] ? [] : ['clip.json', 'clip.manifest', 'vision.q8.safetensors', 'text.q8.safetensors'];
  const modules = (await readdir(join(ROOT, 'web/wasm'))).filter(name => name.endsWith('.wasm') || name === 'NOTICES.txt');
  const parts = [...SCRIPTS, ...modules.map(name => `web/wasm/${name}`), ...model.map(name => `weights/clip-mini/${name}`)];
  try {
    await mkdir(folder, { recursive: true });
    for (const part of parts)
      await cp(join(ROOT, part), join(folder, part), { recursive: true, filter: from => !/node-[^/]*\.js$/.test(from) });
  } catch (error) {
    throw new ClipError('not-found', `${folder} cannot be written: ${/** @type {Error} */ (error).message}`, error);
  }
  process.stderr.write(`clip-wasm: copied to ${folder}; say where that is served: Clip.load(model, { assets: '/…/' })\n`);
}
