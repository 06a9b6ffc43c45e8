/** The model at work: loading one while the one before goes on, and saying on the page how that goes. The dialog has its own file. */
import { $, announce, say } from './dom.js';
import { Model } from './model.js';
import { bytes, explain, quote, t } from './words.js';

/** Downloads larger than this are asked about first. */
const ASKED = 24e6;

/** A stage of loading, in words. @param {{ phase: string, file: string, loaded: number, total: number }} progress */
function stage({ phase, file, loaded, total }) {
  const part = /^vision/.test(file) ? t('halfSees') : /^text/.test(file) ? t('halfReads') : file;
  const verb = t({ download: 'fetching', convert: 'converting' }[phase] ?? 'unpacking');
  return t('stage', { verb, part, loaded: bytes(loaded), total: bytes(total) });
}

export class Models {
  /** @type {Model | null} */
  model = null;
  /** What the model at work was loaded from; undefined for the embedded one. */
  source = undefined;
  /** What is being loaded, or was wished for last. */
  wanted = undefined;
  /** @type {AbortController | null} */
  #loading = null;
  #again = () => {};
  /** @type {Promise<import('./model-dialog.js').ModelDialog> | null} */
  #dialog = null;

  /** @param {{ onModel: () => void, dialogOf: (models: Models) => Promise<import('./model-dialog.js').ModelDialog> }} parts */
  constructor(parts) {
    Object.assign(this, parts);
    for (const id of ['model-open', 'model-other', 'unknown-other']) $(id).addEventListener('click', () => this.show());
    for (const id of ['model-embedded', 'builtin']) $(id).addEventListener('click', () => this.open(undefined, 'q8'));
    for (const id of ['model-stop', 'loading-stop']) $(id).addEventListener('click', () => this.#loading?.abort());
    for (const id of ['retry', 'model-retry']) $(id).addEventListener('click', () => this.#again());
  }

  /** Opens the dialog. */
  async show() {
    this.#dialog ??= this.dialogOf(this);
    try {
      (await this.#dialog).show();
    } catch {
      this.#dialog = null;
      say('warnings', explain({ code: 'no-wasm' }));
    }
  }

  /**
   * Loads a model; the one that is there stays until the new one has shown that it works.
   * @param {string | File[] | undefined} source nothing: the embedded model @param {string} dtype @param {boolean} [agreed] somebody knows
   *   how much there is to fetch
   */
  async open(source, dtype, agreed = false) {
    this.#loading?.abort();
    const loading = (this.#loading = new AbortController());
    this.#again = () => this.open(source, dtype, true);
    this.wanted = source;
    const inDialog = $('model-dialog').open;
    this.#trouble('');
    $('model-dot').className = 'dot busy';
    this.#progress(t('loadingModel'));
    let large = 0;
    try {
      const model = await Model.load(source, {
        dtype,
        signal: loading.signal,
        onProgress: progress => {
          if (progress.phase === 'warning') return this.#warn(progress);
          if (this.#loading !== loading || loading.signal.aborted) return;
          const { phase, loaded, total } = progress;
          if (!agreed && phase === 'download' && total > ASKED && total > loaded) {
            large = total;
            return loading.abort(); // what has arrived is kept
          }
          agreed ||= phase === 'download';
          this.#progress(stage(progress), loaded / total);
        },
      });
      if (this.#loading !== loading) return model.dispose();
      this.model?.dispose();
      this.model = model;
      this.source = source;
      this.#remember(dtype);
      this.#tell();
      announce(t('modelReady', { name: model.info.name }));
      this.onModel();
      dispatchEvent(new Event('clip-ready'));
      if (inDialog) $('model-dialog').close();
    } catch (error) {
      if (this.#loading !== loading) return; // another one took its place
      const stopped = error.name === 'AbortError' || error.code === 'aborted';
      const name = typeof source === 'string' ? quote(source) : '';
      const asks = large ? t('modelLarge', { name, size: bytes(large) }) : '';
      this.#failed(asks || (stopped ? t('loadingStopped') : explain(error)), source !== undefined, large > 0);
    } finally {
      if (this.#loading === loading) {
        this.#loading = null;
        $('model-dot').className = this.model ? 'dot on' : 'dot off';
        if (!this.model) $('model-name').textContent = t('modelNone');
        this.#progress(null);
        (await this.#dialog?.catch(() => null))?.draw();
      }
    }
  }

  /** Where a model's loading is seen: in the dialog, and on the page while there is none that could answer.
   *  @param {string | null} text @param {number} [share] */
  #progress(text, share) {
    $('model-loading').hidden = text === null;
    $('loading').hidden = text === null || this.model !== null;
    if (text === null) return;
    for (const [bar, words] of [
      [$('model-bar'), $('model-stage')],
      [$('loading-bar'), $('loading-text')],
    ]) {
      words.textContent = text;
      if (share === undefined) bar.removeAttribute('value');
      else bar.value = share;
    }
  }

  /** @param {string} text what is wrong, '' for nothing @param {string} [next] what the button for another try says */
  #trouble(text, next = t('retry')) {
    say('model-trouble', text);
    say('loading-trouble', this.model ? '' : text);
    for (const id of ['retry', 'model-retry']) {
      $(id).textContent = next;
      $(id).hidden = !text;
    }
    $('retry').hidden ||= this.model !== null;
    $('builtin').hidden = true;
  }

  /** With no other model at work the page itself says so, and offers a way on. @param {string} text @param {boolean} other not the embedded one
   *  @param {boolean} asks whether it may be fetched */
  #failed(text, other, asks) {
    this.#trouble(text, t(asks ? 'modelFetchIt' : 'retry'));
    if (!this.model) $('builtin').hidden = !other;
    else if (!$('model-dialog').open) this.show();
  }

  /** A model with an address is in the page's own address, so that reloading or sharing it comes back to it. @param {string} dtype */
  #remember(dtype) {
    const url = new URL(location.href);
    url.searchParams.delete('model');
    url.searchParams.delete('dtype');
    if (typeof this.source === 'string') {
      url.searchParams.set('model', this.source);
      url.searchParams.set('dtype', dtype);
    }
    history.replaceState(null, '', url);
  }

  /** What is said of the model at work, in parts. */
  get words() {
    const { name, preprocess, concepts } = /** @type {any} */ (this.model).info;
    const size = preprocess?.size;
    const count = concepts?.length;
    return {
      name,
      sight: size ? t('modelSight', { size }) : t('modelSightPlain'),
      knowledge: count ? t('modelKnows', { n: count }) : t('modelOpen'),
      count,
    };
  }

  #tell() {
    const { count, ...words } = this.words;
    $('model-name').textContent = words.name;
    $('model-note-text').textContent = t(count ? 'modelNote' : 'modelNoteOpen', words);
    $('model-note').hidden = this.source !== undefined;
  }

  #warn({ code }) {
    const words = { 'not-cached': 'notCached', 'not-verified': 'notVerified', 'not-refreshed': 'notRefreshed' }[code];
    if (words) say('warnings', t(words));
  }
}
