/** The tensors of a model's files, whatever their form, as one safetensors file: src/weights/catalog.h. */
import { STAGING } from './tower.js';

/** @typedef {'safetensors' | 'torch' | 'onnx'} FileForm */
/** @typedef {import('./tower.js').Range} Range */
/** What the imagined file has at [begin, end), and where it comes from: see clip_part. `skips`: behind a zip's local header; `unit` bytes
 *  of the file become `expanded` of the tensor, by Catalog.expand, unless they are the same.
 *  @typedef {{ begin: number, end: number, same: boolean, skips: boolean, external: boolean, file: number, offset: number, skip: number,
 *   unit: number, expanded: number }} Part */

const FORMS = { safetensors: 0, torch: 1, onnx: 2 };

export class Catalog {
  /** @param {import('./readers.js').Readers} engine @param {number} handle */
  constructor(engine, handle) {
    this.engine = engine;
    this.handle = handle;
    this.label = '';
  }

  /** @param {'open' | 'push' | 'finish'} name @param {...number} args */
  #run(name, ...args) {
    const { instance } = this.engine;
    const what = () => {
      const detail = instance.string(instance.call('catalog_detail', this.handle));
      return this.label + (detail && ` (${detail})`);
    };
    instance.run(what, /** @type {any} */ (`catalog_${name}`), this.handle, ...args);
  }

  /** Begins with the next file. @param {FileForm} form @param {number} bytes @param {string} label its name */
  open(form, bytes, label) {
    this.label = label;
    this.#run('open', FORMS[form], bytes);
  }

  /** The range of the file that is wanted next, null when enough is known. @returns {Range | null} */
  want() {
    const { instance, cell } = this.engine;
    if (!instance.call('catalog_want', this.handle, cell)) return null;
    const [offset, length] = instance.f64(cell, 2);
    return { offset, length };
  }

  /** @param {Uint8Array} bytes from the wanted offset on */
  push(bytes) {
    const { instance, staging } = this.engine;
    for (let done = 0; done < bytes.length; done += STAGING) {
      const part = bytes.subarray(done, done + STAGING);
      instance.u8(staging, part.length).set(part);
      this.#run('push', staging, part.length);
    }
  }

  /** @returns {{ header: Uint8Array, bytes: number, parts: Part[] }} the imagined file */
  finish() {
    const { instance, cell } = this.engine;
    this.#run('finish');
    const pointer = instance.call('catalog_header', this.handle, cell);
    const header = instance.u8(pointer, instance.u32(cell, 1)[0]).slice();
    const count = instance.call('catalog_count', this.handle);
    const parts = instance.scope(alloc => {
      const cells = alloc(9 * 8);
      return Array.from({ length: count }, (_, i) => {
        instance.call('catalog_part', this.handle, i, cells);
        const [begin, end, kind, external, file, offset, skip, unit, expanded] = instance.f64(cells, 9);
        return {
          begin,
          end,
          same: kind < 2,
          skips: kind === 1 || kind === 2,
          external: external !== 0,
          file,
          offset,
          skip,
          unit,
          expanded,
        };
      });
    });
    return { header, bytes: instance.call('catalog_bytes', this.handle), parts };
  }

  /** Names of files beside ONNX's that have its data. @returns {string[]} */
  get externals() {
    const { instance } = this.engine;
    const names = [];
    for (let pointer; (pointer = instance.call('catalog_external', this.handle, names.length)); ) names.push(instance.string(pointer));
    return names;
  }

  /** Units [first, first + count) of part `i`, from the file's bytes. @param {number} i @param {number} first @param {number} count
   *  @param {Uint8Array} bytes @param {number} expanded bytes a unit becomes */
  expand(i, first, count, bytes, expanded) {
    const { instance } = this.engine;
    return instance.scope(alloc => {
      const from = alloc(bytes.length);
      const to = alloc(count * expanded);
      instance.u8(from, bytes.length).set(bytes);
      instance.run(() => this.label, 'catalog_expand', this.handle, i, first, count, from, to);
      return instance.u8(to, count * expanded).slice();
    });
  }

  free() {
    if (this.handle && !this.engine.instance.crashed) this.engine.instance.call('catalog_destroy', this.handle);
    this.handle = 0;
  }
}
