/** The dialog about models: the one at work, known ones with their sizes, others by name, address or folder, and what is kept here. */
import { Clip } from '../index.js';
import { $, announce, closeBeside, make, say } from './dom.js';
import { inFolders, modelAmong } from './intake.js';
import { Model } from './model.js';
import { bytes, explain, t } from './words.js';

/** A link to a model's page on the hub means the model. @param {string} text */
export function sourceOf(text) {
  const page =
    /^(?:https?:\/\/)?(?:www\.)?(?:huggingface\.co|hf\.co)\/([\w-][\w.-]*\/[\w.-]+?)(?:\/(?:tree|blob|resolve)\/([\w.-]+)(?:\/.*)?)?\/?(?:[?#].*)?$/.exec(
      text,
    );
  if (!page) return text;
  return page[2] && page[2] !== 'main' ? `${page[1]}@${page[2]}` : page[1];
}

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
  #source = undefined;
  #loading = null;
  #again = () => {};

  /** @param {{ onModel: () => void }} parts */
  constructor(parts) {
    Object.assign(this, parts);
    const dialog = $('model-dialog');
    closeBeside(dialog);
    for (const opener of [$('model-open'), $('model-other'), $('unknown-other')]) opener.addEventListener('click', () => this.show());
    $('model-form').addEventListener('submit', event => {
      event.preventDefault();
      const name = sourceOf($('model-source').value.trim());
      if (name) this.open(name, $('model-dtype').value);
      else $('model-source').focus();
    });
    $('model-folder').addEventListener('change', async ({ target }) => {
      const files = [...target.files];
      target.value = '';
      if (!files.length) return;
      const { model, stranger } = await modelAmong(inFolders(files));
      if (model) this.open(model, $('model-dtype').value);
      else say('model-trouble', stranger ? t('folderNotModel', { name: stranger }) : explain({ code: 'not-a-model' }));
    });
    for (const button of [$('model-embedded'), $('builtin')]) button.addEventListener('click', () => this.open(undefined, 'q8'));
    for (const button of [$('model-stop'), $('loading-stop')]) button.addEventListener('click', () => this.#loading?.abort());
    $('retry').addEventListener('click', () => this.#again());
  }

  show() {
    $('model-dialog').showModal();
    this.#list();
  }

  /**
   * Loads a model; the one that is there stays until the new one has shown that it works.
   * @param {string | File[] | undefined} source nothing: the embedded model @param {string} dtype
   */
  async open(source, dtype) {
    this.#loading?.abort();
    const loading = (this.#loading = new AbortController());
    this.#again = () => this.open(source, dtype);
    say('model-trouble', '');
    $('retry').hidden = $('builtin').hidden = true;
    $('model-dot').className = 'dot busy';
    this.#progress(t('loadingModel'));
    try {
      const model = await Model.load(source, {
        dtype,
        signal: loading.signal,
        onProgress: progress => {
          if (progress.phase === 'warning') this.#warn(progress);
          else if (this.#loading === loading) this.#progress(stage(progress), progress.loaded / progress.total);
        },
      });
      if (this.#loading !== loading) return model.dispose();
      this.model?.dispose();
      this.model = model;
      this.#source = source;
      this.#remember(source, dtype);
      this.#tell();
      announce(t('modelReady', { name: model.info.name }));
      this.onModel();
      dispatchEvent(new Event('clip-ready'));
      $('model-dialog').close();
    } catch (error) {
      if (this.#loading !== loading) return; // another one took its place
      const stopped = error.name === 'AbortError' || error.code === 'aborted';
      const text = stopped ? t('loadingStopped') : explain(error);
      say('model-trouble', text);
      this.#failed(text, source !== undefined);
    } finally {
      if (this.#loading === loading) {
        this.#loading = null;
        $('model-dot').className = this.model ? 'dot on' : 'dot off';
        if (!this.model) $('model-name').textContent = t('modelNone');
        this.#progress(null);
        this.#list();
      }
    }
  }

  /** Where a model's loading is seen: in the dialog, and on the page while there is none that could answer. */
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

  /** With no other model at work the page itself says so, and offers a way on. */
  #failed(text, other) {
    if (this.model) return $('model-dialog').open || this.show();
    queueMicrotask(() => {
      say('loading-trouble', text);
      $('retry').hidden = false;
      $('builtin').hidden = !other;
    });
  }

  /** A model with an address is in the page's own address, so that reloading or sharing it comes back to it. */
  #remember(source, dtype) {
    say('loading-trouble', '');
    const url = new URL(location.href);
    url.searchParams.delete('model');
    url.searchParams.delete('dtype');
    if (typeof source === 'string') {
      url.searchParams.set('model', source);
      url.searchParams.set('dtype', dtype);
    }
    history.replaceState(null, '', url);
  }

  #tell() {
    const { name, dtype, threads, preprocess, license, concepts, workers } = /** @type {any} */ (this.model.info);
    const size = preprocess?.size;
    const count = concepts?.length;
    const sight = size ? t('modelSight', { size }) : t('modelSightPlain');
    const knowledge = count ? t('modelKnows', { n: count }) : t('modelOpen');
    $('model-name').textContent = name;
    const precision = t({ q8: 'bits8', q4: 'bits4', f32: 'bits32' }[dtype]);
    const about = t('modelAbout', {
      name,
      sight,
      knowledge,
      precision,
      threads: workers > 1 ? t('workers', { n: workers }) : t('threads', { n: threads }),
    });
    $('model-about').textContent = license ? `${about} ${t('modelLicence', { licence: license })}` : about;
    $('model-note-text').textContent = t(count ? 'modelNote' : 'modelNoteOpen', { name, sight, knowledge });
    $('model-note').hidden = this.#source !== undefined;
    $('model-embedded').hidden = this.#source === undefined;
    $('concepts-box').hidden = !count;
    $('concepts-title').textContent = count ? t('modelWords', { n: count }) : '';
    $('concepts').textContent = count ? [...concepts].sort((a, b) => a.localeCompare(b)).join(', ') : '';
  }

  async #list() {
    if (!$('model-dialog').open) return;
    this.#drawKept(await Clip.cache.list().catch(() => []));
  }

  #drawKept(kept) {
    const items = kept.map(({ id, name, bytes: size }) => {
      const remove = make('button', { type: 'button', className: 'button', textContent: t('delete') });
      remove.setAttribute('aria-label', t('deleteName', { name }));
      remove.addEventListener('click', async () => {
        remove.disabled = true;
        await Clip.cache.delete(id);
        announce(t('deleted', { name }));
        await this.#list();
        ($('kept').querySelector('button') ?? $('model-source')).focus();
      });
      return make('li', {}, make('span', { title: id }, make('strong', { textContent: name }), ` ${bytes(size)}`), remove);
    });
    $('kept').replaceChildren(...items);
    $('kept-none').hidden = items.length > 0;
  }

  #warn({ code }) {
    const words = { 'not-cached': 'notCached', 'not-verified': 'notVerified' }[code];
    if (words) say('warnings', t(words));
  }
}
