/**
 * A model's weights, in whatever files of whatever form they are, as one safetensors file that can be read in ranges. What says where
 * the tensors are is read first; then only what is asked for travels, through the chunks that are kept.
 */
import { ClipError, throwIfAborted } from '../../error.js';
import { CHUNK } from '../model.js';

/** @typedef {import('../../engine/engine.js').Engine} Engine */
/** @typedef {import('../../engine/catalog.js').Catalog} Catalog */
/** @typedef {import('../../engine/catalog.js').Part} Part */
/** @typedef {import('../sources/source.js').Source} Source */
/** @typedef {import('../sources/source.js').SourceFile} SourceFile */
/** @typedef {import('../download.js').Chunks} Chunks */
/** @typedef {import('./weights.js').WeightFiles} WeightFiles */

/** Bytes of a file that are expanded at a time. */
const STEP = 1 << 18;
const LOCAL_HEADER = 30;

/** @param {Source} source @param {string} name @param {number | undefined} bytes @param {AbortSignal} [signal] */
async function openFile(source, name, bytes, signal) {
  const file = await source.open(name, { signal, bytes });
  if (!file) throw new ClipError('not-found', `${source.id} has no ${name}.`);
  return { name, file: atOnce(file) };
}

/** A file of one chunk is fetched once, whole, instead of for its index and then for its tensors. @param {SourceFile} file @returns {SourceFile} */
function atOnce(file) {
  if (file.bytes > CHUNK) return file;
  /** @type {Uint8Array | undefined} */
  let all;
  return {
    bytes: file.bytes,
    version: file.version,
    fleeting: file.fleeting,
    close: () => file.close?.(),
    async *stream(offset, end, signal) {
      if (!all) {
        const bytes = new Uint8Array(file.bytes);
        let at = 0;
        for await (const piece of file.stream(0, file.bytes, signal)) {
          bytes.set(piece, at);
          at += piece.length;
        }
        all = bytes;
      }
      yield all.subarray(offset, end);
    },
  };
}

export class View {
  /**
   * Reads the files' indexes.
   * @param {Engine} engine @param {Source} source @param {WeightFiles} weights @param {AbortSignal} [signal]
   * @param {(name: string, file: SourceFile) => Promise<SourceFile>} [verified] the same file, as far as it is what it should be
   */
  static async open(engine, source, { form, files, sizes, opened: known }, signal, verified = async (_, file) => file) {
    const catalog = (await engine.readers()).openCatalog();
    try {
      const opened = [];
      for (const name of files) {
        const there = known?.get(name);
        const file = await verified(name, there ? atOnce(there) : (await openFile(source, name, sizes?.[name], signal)).file);
        catalog.open(form, file.bytes, name);
        for (let range; (range = catalog.want()); ) {
          for await (const piece of file.stream(range.offset, range.offset + range.length, signal)) catalog.push(piece);
          throwIfAborted(signal);
        }
        file.close?.();
        opened.push({ name, file });
      }
      const folder = files[0].replace(/[^/]*$/, '');
      const external = [];
      for (const name of catalog.externals) {
        const opened = await openFile(source, folder + name, sizes?.[folder + name], signal);
        external.push({ name: opened.name, file: await verified(opened.name, opened.file) });
      }
      return new View(catalog, opened, external, files.length > 1 ? `${files[0]} and ${files.length - 1} more` : files[0]);
    } catch (error) {
      catalog.free();
      throw error;
    }
  }

  /** Use open. @param {Catalog} catalog @param {{ name: string, file: SourceFile }[]} files
   *  @param {{ name: string, file: SourceFile }[]} external @param {string} label */
  constructor(catalog, files, external, label) {
    this.catalog = catalog;
    this.files = files;
    this.external = external;
    /** For messages. */
    this.label = label;
    const { header, bytes, parts } = catalog.finish();
    this.header = header;
    this.bytes = bytes;
    this.parts = parts;
    /** Where the data of a zip's entry begin, by the place of its local header. @type {Map<number, number>} */
    this.starts = new Map();
  }

  /** Gives a reader (a tower, a converter, a sketch) the header. @param {import('./view.js').HeaderReader} reader */
  pushHeader(reader) {
    for (let range; (range = reader.want()) && range.offset < this.header.length; )
      reader.push(this.header.subarray(range.offset, range.offset + range.length));
  }

  /**
   * Bytes [offset, end) in pieces, which must begin and end with whole units: as rows do.
   * @param {number} offset @param {number} end @param {(file: { name: string, file: SourceFile }) => Chunks} chunksOf
   * @returns {AsyncGenerator<Uint8Array>}
   */
  async *pieces(offset, end, chunksOf) {
    if (offset < this.header.length) yield this.header.subarray(offset, Math.min(end, this.header.length));
    let i = this.#at(Math.max(offset, this.header.length));
    for (; i < this.parts.length && this.parts[i].begin < end; i++) {
      const part = this.parts[i];
      const from = Math.max(offset, part.begin) - part.begin;
      const to = Math.min(end, part.end) - part.begin;
      if (from >= to) continue;
      const chunks = chunksOf((part.external ? this.external : this.files)[part.file]);
      const reach = this.#reach(i, end);
      const start = (part.skips ? await this.#start(part, chunks) : part.offset) + part.skip;
      if (part.same) yield* bytesOf(chunks, start + from, start + to, reach);
      else yield* this.#expanded(i, from, to, start, chunks, reach);
    }
  }

  /** The part at a place, or the next. @param {number} place */
  #at(place) {
    let low = 0;
    for (let high = this.parts.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (this.parts[middle].end > place) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The last byte of the same file that will be asked for before `end`: how far a download may run. @param {number} i @param {number} end */
  #reach(i, end) {
    let last = this.parts[i];
    while (i + 1 < this.parts.length && this.parts[i + 1].begin < end) {
      const next = this.parts[++i];
      if (next.file !== last.file || next.external !== last.external) break;
      last = next;
    }
    const length = Math.min(last.end, end) - last.begin;
    return last.offset + last.skip + (last.same ? length : Math.ceil(length / (last.expanded || 1)) * last.unit);
  }

  /** @param {Part} part @param {Chunks} chunks */
  async #start(part, chunks) {
    const known = this.starts.get(part.offset);
    if (known !== undefined) return known;
    const head = await gather(chunks, part.offset, part.offset + LOCAL_HEADER, part.offset + LOCAL_HEADER);
    const view = new DataView(head.buffer);
    if (view.getUint32(0, true) !== 0x04034b50) throw new ClipError('bad-file', `${chunks.file.name}: the zip is damaged.`);
    const start = part.offset + LOCAL_HEADER + view.getUint16(26, true) + view.getUint16(28, true);
    if (start + part.skip + part.unit > chunks.file.bytes) throw new ClipError('bad-file', `${chunks.file.name}: the zip is damaged.`);
    this.starts.set(part.offset, start);
    return start;
  }

  /** @param {number} i @param {number} from @param {number} to within the part @param {number} start @param {Chunks} chunks
   *  @param {number} reach */
  async *#expanded(i, from, to, start, chunks, reach) {
    const { unit, expanded } = this.parts[i];
    const step = Math.max(1, Math.floor(STEP / unit));
    const last = Math.ceil(to / expanded);
    for (let first = Math.floor(from / expanded); first < last; first += step) {
      const count = Math.min(step, last - first);
      const bytes = await gather(chunks, start + first * unit, start + (first + count) * unit, reach);
      const made = this.catalog.expand(i, first, count, bytes, expanded);
      const at = first * expanded;
      yield made.subarray(Math.max(0, from - at), Math.min(made.length, to - at));
    }
  }

  free() {
    this.catalog.free();
  }
}

/** @typedef {{ want: () => import('../../engine/tower.js').Range | null, push: (bytes: Uint8Array) => void }} HeaderReader */

/** Bytes [from, to) of a file, as they lie in its chunks. @param {Chunks} chunks @param {number} from @param {number} to
 *  @param {number} reach */
async function* bytesOf(chunks, from, to, reach) {
  const { chunk, bytes, name } = chunks.file;
  if (to > bytes) throw new ClipError('bad-file', `${name} is shorter than it says.`);
  while (from < to) {
    const index = Math.floor(from / chunk);
    const data = await chunks.get(index, Math.max(index, Math.ceil(Math.min(reach, bytes) / chunk) - 1));
    const part = data.subarray(from - index * chunk, to - index * chunk);
    from += part.length;
    yield part;
  }
}

/** @param {Chunks} chunks @param {number} from @param {number} to @param {number} reach */
async function gather(chunks, from, to, reach) {
  const all = new Uint8Array(to - from);
  let at = 0;
  for await (const part of bytesOf(chunks, from, to, Math.max(reach, to))) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * Gives a reader all that it wants.
 * @param {HeaderReader} reader already opened with view.bytes
 * @param {View} view @param {(file: { name: string, file: SourceFile }) => Chunks} makeChunks called once for each file that is read
 * @param {() => void | Promise<void>} [pushed] called after each piece
 */
export async function feedView(reader, view, makeChunks, pushed) {
  /** @type {Map<SourceFile, Chunks>} */
  const open = new Map();
  /** @param {{ name: string, file: SourceFile }} file */
  const chunksOf = file => {
    if (!open.has(file.file)) open.set(file.file, makeChunks(file));
    return /** @type {Chunks} */ (open.get(file.file));
  };
  try {
    for (let range; (range = reader.want()); ) {
      let at = range.offset;
      for await (const piece of view.pieces(at, at + range.length, chunksOf)) {
        at = pushWanted(reader, piece, at);
        await pushed?.();
      }
      if (at === range.offset) throw new ClipError('bad-file', `${view.label} is shorter than it says.`);
    }
  } finally {
    for (const chunks of open.values()) await chunks.close();
  }
}

/** Pushes what a reader wants of bytes that pass by: small gaps are in a wanted range too. @param {HeaderReader} reader
 *  @param {Uint8Array} bytes @param {number} from their place @returns {number} their end */
export function pushWanted(reader, bytes, from) {
  const end = from + bytes.length;
  for (let range; (range = reader.want()) && range.offset < end; ) {
    const at = range.offset - from;
    reader.push(bytes.subarray(at, at + range.length));
  }
  return end;
}
