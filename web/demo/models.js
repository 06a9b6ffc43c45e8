/** The model: loading one, the panel that tells about it, opening others, and those kept on this device. */
import { Clip } from '../index.js';
import { modelAmong } from './intake.js';
import { bytes, explain, plural, stage } from './words.js';

const $ = id => document.getElementById(id);

export class Models {
  /** @type {Clip | null} */
  clip = null;
  #asked = new Map();
  #loading = null;

  /** @param {{ onModel: () => void, onProgress: (text: string | null, share?: number) => void, onFail: (text: string) => void,
   *  announce: (text: string) => void }} parts */
  constructor(parts) {
    Object.assign(this, parts);
    const dialog = $('model-dialog');
    for (const opener of [$('model-open'), $('model-other')]) {
      opener.addEventListener('click', () => {
        dialog.showModal();
        this.#listKept();
      });
    }
    dialog.addEventListener('click', event => event.target === dialog && dialog.close());
    $('model-form').addEventListener('submit', event => {
      event.preventDefault();
      const name = $('model-source').value.trim();
      if (name) this.open(name, $('model-dtype').value);
      else $('model-source').focus();
    });
    $('model-folder').addEventListener('change', ({ target }) => {
      const files = [...target.files];
      target.value = '';
      const found = files.map(file => ({ file, folder: file.webkitRelativePath.slice(0, -file.name.length) }));
      if (files.length) this.open(modelAmong(found) ?? files, $('model-dtype').value);
    });
    $('model-embedded').addEventListener('click', () => this.open(undefined, 'q8'));
    $('model-cancel').addEventListener('click', () => this.#loading?.abort());
  }

  /** Clip.isUnknown, remembered: thousands of labels may be drawn again with every key that is pressed. @param {string} label */
  isUnknown(label) {
    if (!this.clip) return false;
    let unknown = this.#asked.get(label);
    if (unknown === undefined) this.#asked.set(label, (unknown = this.clip.isUnknown(label)));
    return unknown;
  }

  /**
   * Loads a model; the one that is there stays until the new one has shown that it works.
   * @param {string | File[] | undefined} source nothing: the embedded model @param {string} dtype
   */
  async open(source, dtype) {
    this.#loading?.abort();
    const loading = (this.#loading = new AbortController());
    const { signal } = loading;
    this.#say('model-trouble', '');
    $('model-cancel').hidden = false;
    $('model-dot').className = 'dot busy';
    this.onProgress('Loading the model');
    const onProgress = progress => {
      if (progress.phase === 'warning') this.#warn(progress);
      else if (this.#loading === loading || this.clip === clip) this.onProgress(stage(progress), progress.loaded / progress.total);
    };
    let clip;
    try {
      clip = await Clip.load(source, { dtype, signal, onProgress });
      await clip.prepare(['vision', 'text'], { signal });
      if (this.#loading !== loading) throw new DOMException('', 'AbortError');
      this.clip?.dispose();
      this.clip = clip;
      this.#asked.clear();
      this.#remember(source, dtype);
      this.#tell(source);
      this.announce(`The model ${clip.info.name} is ready.`);
      this.onModel();
      $('model-dialog').close();
    } catch (error) {
      clip?.dispose();
      if (this.#loading !== loading) return; // another one took its place
      const text = error.name === 'AbortError' ? '' : explain(error);
      this.#say('model-trouble', text);
      if (!this.clip) this.onFail(text || 'Loading was stopped.');
    } finally {
      if (this.#loading === loading) {
        this.#loading = null;
        $('model-cancel').hidden = true;
        $('model-dot').className = this.clip ? 'dot on' : 'dot off';
        if (!this.clip) $('model-name').textContent = 'none';
        this.onProgress(null);
        this.#listKept();
      }
    }
  }

  /** A model with an address is in the page's own address, so that reloading or sharing it comes back to it. */
  #remember(source, dtype) {
    const url = new URL(location.href);
    url.searchParams.delete('model');
    url.searchParams.delete('dtype');
    if (typeof source === 'string') {
      url.searchParams.set('model', source);
      url.searchParams.set('dtype', dtype);
    }
    history.replaceState(null, '', url);
  }

  #tell(source) {
    const { name, dtype, threads, preprocess, license, concepts } = this.clip.info;
    const size = preprocess?.size;
    const count = concepts?.length;
    $('model-name').textContent = name;
    const precision = { q8: '8-bit', q4: '4-bit', f32: '32-bit' }[dtype];
    const sight = size ? `sees photos at ${size}×${size} pixels` : 'sees small copies of photos';
    const knowledge = count ? `was taught ${plural(count, 'word')} for everyday things` : 'knows no fixed list of words';
    $('model-about').textContent =
      `${name} ${sight} and ${knowledge}. Its weights are ${precision}; it runs on ${plural(threads, 'thread')}.${license ? ` Licence: ${license}.` : ''}`;
    $('model-note-text').textContent = `${name} is small: it ${sight} and ${knowledge}. For anything else:`;
    $('model-note').hidden = !count;
    $('model-embedded').hidden = source === undefined;
    $('concepts-box').hidden = !count;
    $('concepts-title').textContent = count ? `The ${count} words it was taught` : '';
    $('concepts').textContent = count ? [...concepts].sort((a, b) => a.localeCompare(b)).join(', ') : '';
  }

  async #listKept() {
    const kept = await Clip.cache.list().catch(() => []);
    const items = kept.map(({ id, name, bytes: size }) => {
      const item = document.createElement('li');
      const text = document.createElement('span');
      const remove = Object.assign(document.createElement('button'), { type: 'button', className: 'button', textContent: 'Delete' });
      text.append(Object.assign(document.createElement('strong'), { textContent: name }), ` ${bytes(size)}`);
      text.title = id;
      remove.setAttribute('aria-label', `Delete ${name}`);
      remove.addEventListener('click', async () => {
        remove.disabled = true;
        await Clip.cache.delete(id);
        this.announce(`${name} deleted.`);
        await this.#listKept();
        $('kept').querySelector('button')?.focus() ?? $('model-source').focus();
      });
      item.append(text, remove);
      return item;
    });
    $('kept').replaceChildren(...items);
    $('kept-none').hidden = items.length > 0;
  }

  #warn({ code }) {
    this.#say(
      'warnings',
      {
        'not-cached': 'This browser window keeps nothing, so the model will be fetched again on the next visit.',
        'not-verified': 'This page is not served over https, so what is fetched cannot be verified.',
      }[code] ?? '',
    );
  }

  #say(id, text) {
    $(id).textContent = text;
    $(id).hidden = !text;
  }
}
