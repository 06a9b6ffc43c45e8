/**
 * <clip-classifier>: a place to drop a photo on, and the ranking of labels for it.
 *
 *     <script type="module" src="clip-wasm/web/element.js"></script>
 *     <clip-classifier labels="cat, dog, bird"></clip-classifier>
 *
 * Attributes: `labels` (separated by commas), `template` (around each label, "a photo of a {}" by default), `model` and `dtype` (as
 * Clip.load takes them; the embedded model otherwise), `src` (address of a photo to begin with). Properties: `labels` (array), `photo`
 * (anything that Clip.classify takes), `clip` (a loaded model to use; elements that name the same model share one anyway), `ranking`
 * (the last answer).
 * Events: `clip-ranking` ({ photo, ranking }), `clip-progress`, `clip-error` (the ClipError); they bubble.
 * Style: `--clip-accent`, and the parts `drop`, `photo`, `ranking`, `label`, `score`, `bar`. What the element contains replaces the
 * words of the drop zone.
 */
import { joinLabels, splitLabels } from './labels.js';
import { Clip, DEFAULT_TEMPLATE } from './index.js';

/** @typedef {import('./pictures/input.js').ImageInput} ImageInput */
/** @typedef {import('./session/session.js').Score} Score */

/** Models that elements share, by name and precision. @type {Map<string, Promise<Clip>>} */
const shared = new Map();

const CSS = `
:host { display: block; --accent: var(--clip-accent, #2f6fdb); font: inherit; color: inherit; }
:host([hidden]) { display: none; }
label { position: relative; display: grid; place-items: center; min-height: 9rem; border: 2px dashed color-mix(in srgb, currentColor 45%, transparent);
  border-radius: 10px; overflow: hidden; cursor: pointer; text-align: center; }
label.over, label:focus-within { outline: 3px solid var(--accent); outline-offset: 2px; }
label.full { border-style: solid; border-color: transparent; }
label.full slot { display: none; }
input { position: absolute; inset: 0; opacity: 0; width: 100%; cursor: inherit; }
img { display: block; max-width: 100%; max-height: 24rem; }
img:not([src]) { display: none; }
p { margin: .75rem 0 0; }
p:empty { display: none; }
ol { list-style: none; margin: .75rem 0 0; padding: 0; display: grid; gap: .6rem; }
li { display: grid; grid-template-columns: 1fr auto; gap: .2rem 1rem; overflow-wrap: anywhere; }
li:first-child { font-weight: 600; }
.score { font-variant-numeric: tabular-nums; }
.bar { grid-column: 1 / -1; height: 6px; border-radius: 3px; overflow: hidden; background: color-mix(in srgb, currentColor 12%, transparent); }
.bar > span { display: block; height: 100%; border-radius: inherit; background: var(--accent); }
@media (prefers-reduced-motion: no-preference) { .bar > span { transition: width .3s; } }`;

const HTML = `<label part="drop"><img part="photo" alt=""><slot>Drop a photo here, or choose one</slot>
<input type="file" accept="image/*" aria-label="Photo"></label><p role="status"></p><ol part="ranking" aria-label="Ranking"></ol>`;

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
    this.parts = { drop: part('label'), image: part('img'), input: part('input'), status: part('p'), list: part('ol') };
    /** @type {Score[] | null} */
    this.ranking = null;
    /** @type {Clip | null} */
    this.clip = null;
    /** @type {ImageInput | null} */
    this.given = null;
    this.address = '';
    this.turn = 0;
    this.#listen();
  }

  get labels() {
    return splitLabels(this.getAttribute('labels') ?? '');
  }

  /** @param {string[]} labels */
  set labels(labels) {
    this.setAttribute('labels', joinLabels(labels));
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
    const { drop, input } = this.parts;
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

  /** The model, fetched when it is first needed. @returns {Promise<Clip>} */
  #model() {
    if (this.clip) return Promise.resolve(this.clip);
    const [model, dtype] = [this.getAttribute('model') ?? undefined, this.getAttribute('dtype') ?? 'q8'];
    const key = JSON.stringify([model, dtype]);
    let loading = shared.get(key);
    if (!loading) {
      const onProgress = (/** @type {import('./index.js').Progress} */ progress) => this.#tell('clip-progress', progress);
      loading = Clip.load(model, { dtype: /** @type {import('./index.js').Dtype} */ (dtype), onProgress });
      shared.set(key, loading);
      loading.catch(() => shared.delete(key)); // the next one tries again
    }
    return loading;
  }

  /** Asks for what is there now; only the latest question is answered. */
  async #ask() {
    const turn = ++this.turn;
    await null; // attributes that change together are one question
    const { given: photo, labels, isConnected } = this;
    if (turn !== this.turn || !isConnected) return;
    if (!photo || !labels.length) return this.#draw(null, '');
    if (!this.ranking) this.parts.status.textContent = 'Working…';
    try {
      const clip = await this.#model();
      if (turn !== this.turn) return;
      const ranking = await clip.classify(photo, labels, { template: this.getAttribute('template') ?? DEFAULT_TEMPLATE });
      if (turn !== this.turn) return;
      this.#draw(/** @type {Score[]} */ (ranking), '');
      this.#tell('clip-ranking', { photo, ranking });
    } catch (error) {
      if (turn !== this.turn) return;
      this.#draw(null, /** @type {Error} */ (error).message);
      this.#tell('clip-error', error);
    }
  }

  /** @param {Score[] | null} ranking @param {string} status */
  #draw(ranking, status) {
    this.ranking = ranking;
    this.parts.status.textContent = status;
    const rows = (ranking ?? []).map(({ label, score }) => {
      const row = document.createElement('li');
      row.innerHTML =
        '<span part="label"></span> <span part="score" class="score"></span><span class="bar" aria-hidden="true"><span part="bar"></span></span>';
      const [name, value, bar] = /** @type {HTMLElement[]} */ ([...row.children]);
      name.textContent = label;
      value.textContent = `${(100 * score).toFixed(score < 0.1 ? 1 : 0)} %`;
      /** @type {HTMLElement} */ (bar.firstElementChild).style.width = `${100 * score}%`;
      return row;
    });
    this.parts.list.replaceChildren(...rows);
  }

  /** @param {string} type @param {unknown} detail */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }
}

if (globalThis.customElements && !customElements.get('clip-classifier')) customElements.define('clip-classifier', ClipClassifier);
