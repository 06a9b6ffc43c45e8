/** Finds the merges list of a model that has its tokenizer in files of its own. */
import { ClipError } from '../error.js';
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
