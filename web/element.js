/**
 * <clip-classifier>: a place to drop a photo on, and the ranking of labels for it.
 *
 *     <script type="module" src="clip-wasm/web/element.js"></script>
 *     <clip-classifier labels="cat, dog, bird"></clip-classifier>
 *
 * | attribute | property | |
 * |---|---|---|
 * | `labels` | `labels` | separated by commas, a label with a comma in quotation marks; the property is an array |
 * | `template` | `template` | around each label, "a photo of a {}" by default |
 * | `model`, `dtype` | `model`, `dtype` | as Clip.load takes them; the embedded model otherwise. Elements that name the same share one |
 * | `src` | | address of a photo to begin with |
 * | | `photo` | anything that Clip.classify takes; null for none |
 * | | `clip` | a loaded model to use |
 * | | `ranking` | the last answer, null while there is none |
 *
 * | event (all bubble) | detail |
 * |---|---|
 * | `clip-ranking` | `{ photo, ranking }` |
 * | `clip-progress` | of the model's loading, at every element that waits for it |
 * | `clip-error` | the ClipError |
 *
 * | part | | custom property | |
 * |---|---|---|---|
 * | `drop`, `photo` | where photos go | `--clip-accent` | of the bars and the focus, #2f6fdb |
 * | `status`, `progress` | what it is doing | `--clip-radius` | of the drop zone, 10px |
 * | `ranking`, `label`, `score`, `bar` | the answer | `--clip-height` | of the drop zone while it is empty, 9rem |
 * | `unknown` | a label that the model was not taught, beside `label` | | |
 *
 * What the element contains replaces the words of the drop zone.
 */
import { joinLabels, splitLabels } from './api/labels.js';
import { Clip, DEFAULT_TEMPLATE } from './index.js';

/** @typedef {import('./pictures/input.js').ImageInput} ImageInput */
/** @typedef {import('./session/session.js').Score} Score */
/** @typedef {import('./index.js').Progress} Progress */

/** Models that elements share, by name and precision, and who wants to hear of their loading.
 * @type {Map<string, { clip: Promise<Clip>, watchers: Set<(progress: Progress) => void> }>} */
const shared = new Map();

const CSS = `
:host { display: block; --accent: var(--clip-accent, #2f6fdb); font: inherit; color: inherit; }
:host([hidden]) { display: none; }
label { position: relative; display: grid; place-items: center; min-height: var(--clip-height, 9rem); overflow: hidden; cursor: pointer;
  border: 2px dashed color-mix(in srgb, currentColor 45%, transparent); border-radius: var(--clip-radius, 10px); text-align: center; }
label.over, label:focus-within { outline: 3px solid var(--accent); outline-offset: 2px; }
label.full { border-style: solid; border-color: transparent; }
label.full slot { display: none; }
input { position: absolute; inset: 0; opacity: 0; width: 100%; cursor: inherit; }
img { display: block; max-width: 100%; max-height: 24rem; }
img:not([src]) { display: none; }
p { margin: .75rem 0 0; }
p:empty { display: none; }
progress { display: block; width: 100%; height: 6px; margin-top: .5rem; accent-color: var(--accent); }
progress[hidden] { display: none; }
ol { list-style: none; margin: .75rem 0 0; padding: 0; display: grid; gap: .6rem; }
li { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: .2rem 1rem; overflow-wrap: anywhere; }
li:first-child { font-weight: 600; }
.unknown { text-decoration: underline dashed; text-underline-offset: .2em; }
.score { font-variant-numeric: tabular-nums; }
.bar { grid-column: 1 / -1; height: 6px; border-radius: 3px; overflow: hidden; background: color-mix(in srgb, currentColor 12%, transparent); }
.bar > span { display: block; height: 100%; border-radius: inherit; background: var(--accent); }
.heard { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; margin: 0; }
@media (prefers-reduced-motion: no-preference) { .bar > span { transition: width .3s; } }`;

const HTML = `<label part="drop"><img part="photo" alt=""><slot>Drop a photo here, or choose one</slot>
<input type="file" accept="image/*" aria-label="Photo"></label>
<p part="status" role="status"></p><progress part="progress" max="1" aria-label="Loading the model" hidden></progress>
<ol part="ranking" aria-label="Ranking"></ol><p class="heard" role="status"></p>`;

/** @param {number} score */
const percent = score => `${(100 * score).toFixed(score < 0.1 ? 1 : 0)} %`;

/** On a server there is no HTMLElement; importing this there must not fail. @type {typeof HTMLElement} */
const Base = globalThis.HTMLElement ?? class {};

export class ClipClassifier extends Base {
  static observedAttributes = ['labels', 'template', 'model', 'dtype', 'src'];

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open' });
    root.innerHTML = HTML;
    const sheet = new CSSStyleSheet(); // a <style> would need 'unsafe-inline' on pages with a strict policy
    sheet.replaceSync(CSS);
    root.adoptedStyleSheets = [sheet];
    /** @param {string} selector @returns {any} */
    const part = selector => root.querySelector(selector);
    /** @private */
    this.parts = {
      drop: part('label'),
      image: part('img'),
      input: part('input'),
      status: part('[part=status]'),
      progress: part('progress'),
      list: part('ol'),
      heard: part('.heard'),
    };
    /** @type {Score[] | null} */
    this.ranking = null;
    /** @type {Clip | null} */
    this.clip = null;
    /** @private @type {ImageInput | null} */
    this.given = null;
    /** @private */
    this.address = '';
    /** @private */
    this.turn = 0;
    this.#listen();
  }

  /** @returns {string[]} */
  get labels() {
    return splitLabels(this.getAttribute('labels') ?? '');
  }

  /** @param {readonly string[]} labels */
  set labels(labels) {
    this.setAttribute('labels', joinLabels([...labels]));
  }

  get template() {
    return this.getAttribute('template') ?? DEFAULT_TEMPLATE;
  }

  /** @param {string} template */
  set template(template) {
    this.setAttribute('template', template);
  }

  /** @returns {string | null} */
  get model() {
    return this.getAttribute('model');
  }

  /** @param {string | null} model */
  set model(model) {
    if (model === null) this.removeAttribute('model');
    else this.setAttribute('model', model);
  }

  get dtype() {
    return this.getAttribute('dtype') ?? 'q8';
  }

  /** @param {string} dtype */
  set dtype(dtype) {
    this.setAttribute('dtype', dtype);
  }

  get photo() {
    return this.given;
  }

  /** @param {ImageInput | null} photo */
  set photo(photo) {
    this.given = photo;
    this.#show();
    this.#ask();
  }

  connectedCallback() {
    this.#show(); // its address was let go when it was taken out
    this.#ask();
  }

  disconnectedCallback() {
    URL.revokeObjectURL(this.address);
  }

  /** @param {string} name @param {string | null} before @param {string | null} value */
  attributeChangedCallback(name, before, value) {
    if (before === value) return;
    if (name === 'src') this.photo = value ? new URL(value, document.baseURI) : null;
    else this.#ask();
  }

  #listen() {
    const { drop, input, image } = this.parts;
    input.addEventListener('change', () => {
      if (input.files[0]) this.photo = input.files[0];
      input.value = '';
    });
    for (const type of ['dragenter', 'dragover', 'dragleave', 'drop']) {
      drop.addEventListener(type, (/** @type {DragEvent} */ event) => {
        event.preventDefault();
        event.stopPropagation();
        drop.classList.toggle('over', type === 'dragenter' || type === 'dragover');
        const file = type === 'drop' && event.dataTransfer?.files[0];
        if (file) this.photo = file;
      });
    }
    this.addEventListener('paste', event => {
      const file = event.clipboardData?.files[0];
      if (!file) return;
      event.preventDefault();
      this.photo = file;
    });
    // what cannot be shown leaves the place to drop the next one on
    image.addEventListener('error', () => {
      image.removeAttribute('src');
      drop.classList.remove('full');
    });
  }

  #show() {
    const { drop, image } = this.parts;
    const photo = this.given;
    URL.revokeObjectURL(this.address);
    this.address = photo instanceof Blob ? URL.createObjectURL(photo) : '';
    const src =
      this.address ||
      (photo instanceof URL ? photo.href : typeof photo === 'string' ? photo : photo instanceof HTMLImageElement ? photo.src : '');
    if (src) image.src = src;
    else image.removeAttribute('src');
    drop.classList.toggle('full', Boolean(src));
  }

  /** The model, fetched when it is first needed. @param {(progress: Progress) => void} watch @returns {Promise<Clip>} */
  #model(watch) {
    if (this.clip) return Promise.resolve(this.clip);
    const { model, dtype } = this;
    const key = JSON.stringify([model, dtype]);
    let entry = shared.get(key);
    if (!entry) {
      /** @type {Set<(progress: Progress) => void>} */
      const watchers = new Set();
      const onProgress = (/** @type {Progress} */ progress) => {
        for (const watcher of [...watchers]) watcher(progress);
      };
      const clip = Clip.load(model ?? undefined, { dtype: /** @type {import('./index.js').Dtype} */ (dtype), onProgress });
      entry = { clip, watchers };
      shared.set(key, entry);
      clip.catch(() => shared.delete(key)); // the next one tries again
    }
    entry.watchers.add(watch);
    return entry.clip;
  }

  /** Asks for what is there now; only the latest question is answered. */
  async #ask() {
    const turn = ++this.turn;
    await null; // attributes that change together are one question
    const { given: photo, labels, isConnected } = this;
    if (turn !== this.turn || !isConnected) return;
    if (!photo || !labels.length) return this.#draw(null, '');
    if (!this.ranking) this.parts.status.textContent = 'Working…';
    const watch = (/** @type {Progress} */ progress) => turn === this.turn && this.#progress(progress);
    try {
      const clip = await this.#model(watch);
      if (turn !== this.turn) return;
      const ranking = /** @type {Score[]} */ (await clip.classify(photo, labels, { template: this.template }));
      if (turn !== this.turn) return;
      this.#draw(ranking, '', clip);
      this.#tell('clip-ranking', { photo, ranking });
    } catch (error) {
      if (turn !== this.turn) return;
      this.#draw(null, /** @type {Error} */ (error).message);
      this.#tell('clip-error', error);
    } finally {
      for (const { watchers } of shared.values()) watchers.delete(watch);
    }
  }

  /** @param {Progress} progress */
  #progress(progress) {
    this.#tell('clip-progress', progress);
    if (progress.phase === 'warning') return;
    const { bar, status } = { bar: this.parts.progress, status: this.parts.status };
    const share = progress.total ? progress.loaded / progress.total : 0;
    bar.hidden = share >= 1;
    bar.value = share;
    if (!this.ranking) status.textContent = 'Loading the model…'; // said once: the bar shows how far
  }

  /** @param {Score[] | null} ranking @param {string} status @param {Clip} [clip] */
  #draw(ranking, status, clip) {
    this.ranking = ranking;
    this.parts.status.textContent = status;
    this.parts.progress.hidden = true;
    const rows = (ranking ?? []).map(({ label, score }) => {
      const row = document.createElement('li');
      row.innerHTML =
        '<span part="label"></span> <span part="score" class="score"></span><span class="bar" aria-hidden="true"><span part="bar"></span></span>';
      const [name, value, bar] = /** @type {HTMLElement[]} */ ([...row.children]);
      name.textContent = label;
      const mark = (/** @type {boolean} */ unknown) => {
        if (!unknown) return;
        name.className = 'unknown';
        name.part.add('unknown');
        name.title = 'Not among the words that this model was taught';
      };
      clip?.isUnknown(label).then(mark, () => {}); // a model that was disposed of meanwhile tells nothing
      value.textContent = percent(score);
      /** @type {HTMLElement} */ (bar.firstElementChild).style.width = `${100 * score}%`;
      return row;
    });
    this.parts.list.replaceChildren(...rows);
    const [first, second] = ranking ?? [];
    this.parts.heard.textContent = first
      ? `${first.label}, ${percent(first.score)}${second ? `; then ${second.label}, ${percent(second.score)}` : ''}.`
      : '';
  }

  /** @param {string} type @param {unknown} detail */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }
}

if (globalThis.customElements && !customElements.get('clip-classifier')) customElements.define('clip-classifier', ClipClassifier);
