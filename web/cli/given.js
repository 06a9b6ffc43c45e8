/** The commands that show what a model is given: tokenize, preprocess. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Engine } from '../engine/engine.js';
import { ClipError } from '../error.js';
import { DTYPES } from '../models/model.js';
import { nodeSource, nodeSpec, readModule } from '../node.js';
import { readHeader } from '../models/safetensors.js';
import { findMerges } from '../models/tokenizer-files.js';
import { chooseModule } from '../engine/wasm.js';
import { EMBEDDED } from '../embedded.js';
import { writePicture } from './picture-file.js';
import { Usage, wholeNumber } from './terminal.js';

/** @param {import('../models/sources/source.js').Source} source @returns {Promise<{ merges: Uint8Array, context: number } | null>} */
async function tokenizerOf(source) {
  const merges = await findMerges(source);
  const clip = await source.text('clip.json');
  const configs = clip ? [JSON.parse(clip).config] : [];
  for (const name of clip ? [] : ['config.json', 'open_clip_config.json']) {
    const text = await source.text(name);
    if (text) configs.push(JSON.parse(text));
  }
  const sizes = configs.map(c => c.text_config?.max_position_embeddings ?? (c.model_cfg ?? c).text_cfg?.context_length);
  const context = sizes.find(Number.isInteger) ?? 77;
  if (merges) return { merges, context };
  const files = clip ? JSON.parse(clip).towers?.text : null;
  const file = files && DTYPES.map(dtype => files[dtype]).find(Boolean);
  const bytes = file && (await source.bytes(file.file));
  if (!bytes) return null;
  const { entries, start } = readHeader(bytes, file.file);
  const offsets = entries['tokenizer.merges']?.data_offsets;
  return offsets ? { merges: bytes.slice(start + offsets[0], start + offsets[1]), context } : null;
}

/** @param {{ model?: string }} values @param {string[]} positionals */
export async function tokenize({ model = EMBEDDED }, positionals) {
  if (positionals.length) throw new Usage('tokenize reads its lines from the standard input');
  const source = nodeSource(nodeSpec(model));
  const found = await tokenizerOf(source);
  if (!found) throw new ClipError('no-tokenizer', `${source.id} has no tokenizer (merges.txt, tokenizer.json or clip.json).`);
  const engine = await Engine.create({ wasm: await readModule(chooseModule(1).name), readers: () => readModule('readers') });
  const tokenizer = await engine.tokenizer(found.merges);
  let number = 0;
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    number++;
    if (!line.trim()) continue;
    let text;
    try {
      text = JSON.parse(line);
    } catch {
      text = undefined;
    }
    if (typeof text !== 'string') throw new ClipError('bad-text', `line ${number} of the input is not a JSON string.`);
    try {
      process.stdout.write(JSON.stringify(Array.from(tokenizer.encode(text, found.context))) + '\n');
    } catch (error) {
      throw error instanceof ClipError ? new ClipError(error.code, `line ${number} of the input: ${error.message}`, error) : error;
    }
  }
}

/** @param {{ size?: string, output?: string }} values @param {string[]} photos */
export async function preprocess({ size: side, output }, photos) {
  if (photos.length !== 1) throw new Usage('preprocess takes one photo');
  if (!output || !/\.(png|ppm)$/i.test(output)) throw new Usage('preprocess needs -o with a name that ends in .png or .ppm');
  const size = wholeNumber(side, '--size', 1024) ?? 224;
  const [photo] = photos;
  if (!existsSync(photo)) throw new ClipError('not-found', `There is no ${photo}.`);
  const engine = await Engine.create({ wasm: await readModule(chooseModule(1).name) });
  await writeFile(output, writePicture(engine.crop(await readFile(photo), size, photo), size, output));
}
