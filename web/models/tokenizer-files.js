/** Finds the tokenizer of a model that has it in files of its own: CLIP's merges list, or a tokenizer.json of another kind. */
import { ClipError } from '../error.js';
import { bertTokenizer } from './forms/bert.js';
import { parseJson } from './model.js';

const OPENAI_MERGES = 49152 - 256 - 2;
const LIMIT = 64 << 20;
const UTF8 = new TextEncoder();

/** The published tokenizer.json files hold merges as "a b" or as ["a", "b"]. @param {Record<string, any>} json */
function mergesOfJson(json) {
  const merges = json.model?.merges;
  if (json.model?.type !== 'BPE' || !Array.isArray(merges)) return null;
  const lines = merges.map(merge => (Array.isArray(merge) ? merge.join(' ') : String(merge)));
  if (lines.some(line => !/^[^\s]+ [^\s]+$/.test(line))) throw new ClipError('bad-merges', 'tokenizer.json: a merge is not two symbols.');
  return UTF8.encode(lines.join('\n') + '\n');
}

/**
 * @param {import('./sources/source.js').Source} source @param {string} [folder] "" or with a slash at its end @param {AbortSignal} [signal]
 * @returns {Promise<Uint8Array | null>} the text of merges.txt
 */
export async function findMerges(source, folder = '', signal) {
  const options = { signal, limit: LIMIT };
  const merges = await source.text(`${folder}merges.txt`, options);
  if (merges !== null) return UTF8.encode(merges);
  const json = await source.text(`${folder}tokenizer.json`, options);
  const found = json === null ? null : mergesOfJson(parseJson('tokenizer.json', json));
  if (found) return found;
  const original = await source.bytes(`${folder}bpe_simple_vocab_16e6.txt.gz`, options);
  if (!original) return null;
  const stream = new Blob([/** @type {BlobPart} */ (original)]).stream().pipeThrough(new DecompressionStream('gzip'));
  // OpenAI's own file has a line on top and more merges than the vocabulary of 49,408 uses
  return UTF8.encode(
    (await new Response(stream).text())
      .split('\n')
      .slice(1, 1 + OPENAI_MERGES)
      .join('\n') + '\n',
  );
}

/** What comes before the tokenizer; src/tokenizer/tokenizer.h has the numbers. @type {Record<string, number>} */
const CLEAN = { canonicalize: 15, whitespace: 8, lower: 12, '': 0 };

/** What transformers does in code before some classes' tokenizers, whatever their file says; where that says the same, it is done twice,
 *  which is no other than once. @type {Record<string, number>} */
const CLASSES = { SiglipTokenizer: 14, SiglipTokenizerFast: 14, Siglip2Tokenizer: 16 };

/** A token's text, which may be an object around it. @param {any} token @returns {string | undefined} */
const textOf = token => (typeof token === 'string' ? token : typeof token?.content === 'string' ? token.content : undefined);

/**
 * What engine.openTokenizer takes, for a model of any kind.
 * @param {import('../engine/engine.js').Engine} engine @param {import('./sources/source.js').Source} source
 * @param {{ folder?: string, config: Record<string, any>, clean?: string, signal?: AbortSignal }} model
 * @returns {Promise<Uint8Array | null>} null where the source has no tokenizer
 */
export async function findTokenizer(engine, source, { folder = '', config, clean = '', signal }) {
  const bert = (config.text_config ?? config.text_cfg)?.model_type === 'bert';
  if (config.model_type !== 'siglip' && !bert) return findMerges(source, folder, signal);
  const file = await source.open(`${folder}tokenizer.json`, { signal });
  const vocabulary = file || !bert ? null : await source.text(`${folder}vocab.txt`, { signal, limit: LIMIT });
  if (!file && vocabulary === null) return null;
  const settings = await source.text(`${folder}tokenizer_config.json`, { signal, limit: 1 << 24 });
  const read = settings ? parseJson('tokenizer_config.json', settings) : {};
  const { pad_token: pad, padding_side: side, tokenizer_class: type } = read;
  const reader = engine.openTokenizerReader({
    clean: CLASSES[type] ?? CLEAN[clean],
    pad: config.model_type === 'siglip' ? textOf(pad) : undefined,
    left: side === 'left',
  });
  try {
    if (file) for await (const piece of file.stream(0, file.bytes, signal)) reader.push(piece);
    else reader.push(UTF8.encode(JSON.stringify(bertTokenizer(/** @type {string} */ (vocabulary), read))));
    return reader.finish();
  } finally {
    reader.free();
  }
}
