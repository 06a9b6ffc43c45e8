/** The commands that answer questions: classify, embed, tokenize, preprocess. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { Engine } from '../engine/engine.js';
import { ClipError } from '../error.js';
import { DTYPES } from '../models/model.js';
import { Clip, nodeSource, nodeSpec, readModule } from '../node.js';
import { readHeader } from '../models/safetensors.js';
import { findMerges } from '../models/tokenizer-files.js';
import { chooseModule } from '../engine/wasm.js';
import { EMBEDDED } from '../embedded.js';
import { writePicture } from './picture-file.js';
import { Usage, finishProgress, oneOf, showProgress, wholeNumber } from './terminal.js';

/** @param {{ model?: string, dtype?: string, threads?: string }} values */
const load = ({ model, dtype, threads }) =>
  Clip.load(model, {
    dtype: oneOf(dtype, '--dtype', DTYPES, 'q8'),
    threads: wholeNumber(threads, '--threads', 16),
    onProgress: showProgress,
  });

/**
 * Does something for each photo; one that fails is reported and does not stop the others.
 * @template T @param {string[]} files @param {(file: string) => Promise<T>} work @param {(result: T, file: string) => void} then
 * @returns {Promise<number>} exit status
 */
async function forEachPhoto(files, work, then) {
  let status = 0;
  for (const file of files) {
    try {
      const result = await work(file);
      finishProgress();
      then(result, file);
    } catch (error) {
      const ofPhoto = error instanceof ClipError && /image|picture|not-found|network/.test(error.code);
      if (!ofPhoto || files.length === 1) throw error;
      finishProgress();
      process.stderr.write(`clip-wasm: ${error.message}\n`);
      status = 1;
    }
  }
  return status;
}

/** @param {string[]} strangers labels @param {import('../index.js').ClipInfo} info of the model that does not know them */
function warningOf(strangers, { name, concepts = [] }) {
  const [few, more] = [strangers.slice(0, 3), strangers.length - 3];
  const which = few.map(label => JSON.stringify(label)).join(', ') + (more > 0 ? ` and ${more} more` : '');
  const [are, scores] = strangers.length > 1 ? ['are', 'their scores are guesses'] : ['is', 'its score is a guess'];
  return `${which} ${are} not among the ${concepts.length} words that ${name} was taught: ${scores}, not knowledge.`;
}

/** @param {{ labels?: string[], 'no-split'?: boolean, template?: string[], top?: string, json?: boolean, model?: string, dtype?: string,
 *  threads?: string }} values @param {string[]} photos */
export async function classify(values, photos) {
  if (!photos.length) throw new Usage('classify needs a photo');
  if (!values.labels) throw new Usage('classify needs --labels');
  const labels = values['no-split'] ? values.labels : values.labels.flatMap(list => list.split(',').map(label => label.trim()));
  const top = wholeNumber(values.top, '--top');
  const clip = await load(values);
  const strangers = new Set(labels.filter(label => clip.isUnknown(label)));
  /** @type {{ file: string, labels: (import('../session/session.js').Score & { unknown: boolean })[] }[]} */
  const results = [];
  const status = await forEachPhoto(
    photos,
    photo => clip.classify(photo, labels, { template: values.template, top }),
    (scores, file) => {
      const marked = scores.map(one => ({ ...one, unknown: strangers.has(one.label) }));
      const line = (/** @type {(typeof marked)[number]} */ { label, score, unknown }) =>
        `  ${score.toFixed(4)}  ${label}${unknown ? '  (not among the words this model knows)' : ''}\n`;
      if (values.json) results.push({ file, labels: marked });
      else process.stdout.write(`${file}\n${marked.map(line).join('')}`);
    },
  );
  if (values.json) process.stdout.write(JSON.stringify(results, null, 1) + '\n');
  if (strangers.size) process.stderr.write(`clip-wasm: ${warningOf([...strangers], clip.info)}\n`);
  clip.dispose();
  return status;
}

/** @param {{ text?: string[], json?: boolean, model?: string, dtype?: string, threads?: string }} values @param {string[]} photos */
export async function embed(values, photos) {
  const { text: texts = [], json } = values;
  if (!photos.length && !texts.length) throw new Usage('embed needs a photo or --text');
  const clip = await load(values);
  /** @type {({ file: string, embedding: number[] } | { text: string, embedding: number[] })[]} */
  const results = [];
  const asUrl = (/** @type {string} */ photo) => (/^https?:/.test(photo) ? new URL(photo) : pathToFileURL(photo));
  const status = await forEachPhoto(
    photos,
    photo => clip.encode(asUrl(photo)),
    (embedding, file) => results.push({ file, embedding: Array.from(/** @type {any} */ (embedding)) }),
  );
  const embeddings = await clip.encode(texts);
  texts.forEach((text, i) => results.push({ text, embedding: Array.from(embeddings[i]) }));
  finishProgress();
  if (json) process.stdout.write(JSON.stringify(results) + '\n');
  else for (const { embedding } of results) process.stdout.write(embedding.join(' ') + '\n');
  clip.dispose();
  return status;
}

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
  const engine = await Engine.create({ wasm: await readModule(chooseModule(1).name) });
  const tokenizer = engine.openTokenizer(found.merges);
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
