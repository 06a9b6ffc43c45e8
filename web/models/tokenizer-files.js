/**
 * Finds the tokenizer of a model that has it in files of its own: CLIP's, which is byte pairs whose words end in </w>, or a tokenizer.json
 * of another kind. Ids are those of vocab.json or tokenizer.json; a tokenizer that was trained anew numbers its entries otherwise than OpenAI's does.
 */
import { ClipError } from '../error.js';
import { bertTokenizer } from './forms/bert.js';
import { parseJson } from './model.js';
import { pieces } from './sources/source.js';

const OPENAI_MERGES = 49152 - 256 - 2;
const LIMIT = 64 << 20;
const UTF8 = new TextEncoder();
const START = '<|startoftext|>';
const END = '<|endoftext|>';

/** @param {string} message */
const wrong = message => new ClipError('bad-merges', message);

/** The 256 bytes as GPT-2 writes them: printable ones as themselves and first, the others as U+0100 and on. */
const BYTES = (() => {
  const printable = (/** @type {number} */ b) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  const all = Array.from({ length: 256 }, (_, b) => b);
  return [
    ...all.filter(printable).map(b => String.fromCharCode(b)),
    ...all.filter(b => !printable(b)).map((_, i) => String.fromCharCode(256 + i)),
  ];
})();

/** The text that the core reads: merges, and, where entries are not numbered in the order of the merges, their ids.
 *  @param {string[]} lines @param {Record<string, number> | null} vocabulary @param {string} file @param {string} [unknown] */
function listOf(lines, vocabulary, file, unknown = END) {
  if (!lines.some(line => line.endsWith('</w>')) && lines.some(line => line.includes('Ġ')))
    throw wrong(`${file} has merges of GPT-2's kind, whose words begin with a space; supported is CLIP's kind, whose words end in </w>.`);
  const text = `${lines.join('\n')}\n`;
  if (!vocabulary) return UTF8.encode(text);
  const ids = new Map(Object.entries(vocabulary));
  for (const special of [START, END]) {
    if (!Number.isSafeInteger(ids.get(special))) throw wrong(`${file} has no entry ${special}, which CLIP's texts begin or end with.`);
  }
  const entries = [...BYTES, ...BYTES.map(byte => `${byte}</w>`), ...lines.map(line => line.replace(' ', '')), START, END];
  const known = entries.map(entry => ids.get(entry));
  if (known.every((id, i) => id === i)) return UTF8.encode(text);
  if (known.every(id => id === undefined || id < 0 || !Number.isSafeInteger(id))) throw wrong(`${file} has none of the merges' entries.`);
  const otherwise = /** @type {number} */ (ids.get(unknown) ?? ids.get(END));
  return UTF8.encode(`${text}#ids ${known.map(id => id ?? otherwise).join(' ')}\n`);
}

/** The steps of a normalizer or pre-tokenizer. @param {any} step @returns {any[]} */
const stepsOf = step => (step ? (step.normalizers ?? step.pretokenizers ?? [step]) : []);

/** The published tokenizer.json files hold merges as "a b" or as ["a", "b"]. @param {Record<string, any>} json @param {string} file */
function ofJson(json, file) {
  const { model } = json;
  if (model?.type !== 'BPE' || !Array.isArray(model.merges)) {
    throw new ClipError(
      'unsupported',
      `${file} is a tokenizer of the kind ${JSON.stringify(model?.type ?? null)}; supported is CLIP's (BPE).`,
    );
  }
  if ((model.end_of_word_suffix ?? '') !== '</w>') {
    throw wrong(
      `${file}: words do not end in </w> ("end_of_word_suffix" is ${JSON.stringify(model.end_of_word_suffix ?? null)}), as CLIP's do.`,
    );
  }
  if (model.byte_fallback || model.continuing_subword_prefix) throw wrong(`${file}: its byte pairs are not CLIP's kind.`);
  const normalizers = stepsOf(json.normalizer).map(({ type }) => type);
  if (!normalizers.includes('Lowercase')) throw wrong(`${file}: it does not make lower case of its texts, as CLIP's does.`);
  const strange = normalizers.find(type => !['NFC', 'Replace', 'Lowercase'].includes(type));
  if (strange) throw wrong(`${file}: its normalizer ${strange} is not one of CLIP's.`);
  const other = stepsOf(json.pre_tokenizer).find(({ type }) => !['Split', 'ByteLevel'].includes(type));
  if (other) throw wrong(`${file}: its pre-tokenizer ${other.type} is not one of CLIP's.`);
  const lines = model.merges.map((/** @type {string | string[]} */ merge) => (Array.isArray(merge) ? merge.join(' ') : String(merge)));
  if (lines.some((/** @type {string} */ line) => !/^[^\s]+ [^\s]+$/.test(line))) throw wrong(`${file}: a merge is not two symbols.`);
  const added = Object.fromEntries((json.added_tokens ?? []).map((/** @type {any} */ token) => [token.content, token.id]));
  return listOf(lines, { ...model.vocab, ...added }, file, model.unk_token ?? END);
}

/**
 * @param {import('./sources/source.js').Source} source @param {string} [folder] "" or with a slash at its end @param {AbortSignal} [signal]
 * @returns {Promise<Uint8Array | null>} what clip_tokenizer_create reads
 */
export async function findMerges(source, folder = '', signal) {
  const options = { signal, limit: LIMIT };
  const merges = await source.text(`${folder}merges.txt`, options);
  if (merges !== null) {
    const vocabulary = await source.text(`${folder}vocab.json`, options);
    const lines = merges.split(/\r?\n/).filter((line, i) => line && !(i === 0 && line.includes('#version')));
    return listOf(lines, vocabulary === null ? null : parseJson(`${folder}vocab.json`, vocabulary), `${folder}merges.txt`);
  }
  const json = await source.text(`${folder}tokenizer.json`, options);
  if (json !== null) return ofJson(parseJson(`${folder}tokenizer.json`, json), `${folder}tokenizer.json`);
  const original = await source.bytes(`${folder}bpe_simple_vocab_16e6.txt.gz`, options);
  if (!original) return null;
  // OpenAI's own file has a line on top and more merges than the vocabulary of 49,408 uses
  return UTF8.encode(
    (await unpacked(original))
      .split('\n')
      .slice(1, 1 + OPENAI_MERGES)
      .join('\n') + '\n',
  );
}

/** The text of a gzip file, which may hold a thousand times its bytes. @param {Uint8Array} packed */
async function unpacked(packed) {
  const stream = new Blob([/** @type {BlobPart} */ (packed)]).stream().pipeThrough(new DecompressionStream('gzip'));
  const text = new TextDecoder();
  let all = '';
  try {
    for await (const piece of pieces(stream)) {
      all += text.decode(piece, { stream: true });
      if (all.length > LIMIT) throw wrong(`The list of merges unpacks to more than ${LIMIT} bytes.`);
    }
  } catch (error) {
    if (error instanceof ClipError) throw error;
    throw wrong(`The list of merges cannot be unpacked: ${/** @type {Error} */ (error).message}`);
  }
  return all;
}

/** What comes before the tokenizer; src/tokenizer/tokenizer.h has the numbers. @type {Record<string, number>} */
const CLEAN = { canonicalize: 15, whitespace: 8, lower: 12, '': 0 };

/** What transformers does in code before some classes' tokenizers, whatever their file says; where that says the same, it is done twice,
 *  which is no other than once. @type {Record<string, number>} */
const CLASSES = { SiglipTokenizer: 14, SiglipTokenizerFast: 14, Siglip2Tokenizer: 16 };

/** A token's text, which may be an object around it. @param {any} token @returns {string | undefined} */
const textOf = token => (typeof token === 'string' ? token : typeof token?.content === 'string' ? token.content : undefined);

/**
 * What engine.tokenizer takes, for a model of any kind.
 * @param {import('../engine/engine.js').Engine} engine @param {import('./sources/source.js').Source} source
 * @param {{ folder?: string, config: Record<string, any>, clean?: string, signal?: AbortSignal }} model
 * @returns {Promise<Uint8Array | null>} null where the source has no tokenizer
 */
export async function findTokenizer(engine, source, { folder = '', config, clean = '', signal }) {
  const bert = (config.text_config ?? config.text_cfg)?.model_type === 'bert';
  if (config.model_type !== 'siglip' && !bert) return findMerges(source, folder, signal);
  const file = await source.openChecked(`${folder}tokenizer.json`, { signal, limit: LIMIT });
  const vocabulary = file || !bert ? null : await source.text(`${folder}vocab.txt`, { signal, limit: LIMIT });
  if (!file && vocabulary === null) return null;
  const settings = await source.text(`${folder}tokenizer_config.json`, { signal, limit: 1 << 24 });
  const read = settings ? parseJson('tokenizer_config.json', settings) : {};
  const { pad_token: pad, padding_side: side, tokenizer_class: type } = read;
  const reader = (await engine.readers()).openTokenizerReader({
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
