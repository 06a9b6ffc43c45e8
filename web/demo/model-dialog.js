/** The dialog about models: the one at work, known ones with their sizes, others by name, address or folder, and what is kept here. */
import { Clip } from '../index.js';
import { $, announce, closeBeside, make, say } from './dom.js';
import { inFolders, modelAmong } from './intake.js';
import { listOf } from './known.js';
import { sourceOf } from './model-source.js';
import { bytes, explain, language, percent, t } from './words.js';

/** Of the embedded model in the list of known ones. */
const EMBEDDED = 'clip-mini';

/** Languages by their names in the reader's. */
const languages = new Intl.DisplayNames(language, { type: 'language' });

/** @param {string} source @returns {string} what a model is kept under */
const idOf = source => (/^https?:/.test(source) ? new URL(source).href : source);

export class ModelDialog {
  /** @type {Promise<import('./known.js').KnownModel[]> | null} */
  #known = null;
  #turn = 0;

  /** @param {import('./models.js').Models} models */
  constructor(models) {
    this.models = models;
    closeBeside($('model-dialog'));
    $('model-form').addEventListener('submit', event => {
      event.preventDefault();
      const name = sourceOf($('model-source').value.trim());
      if (name) models.open(name, $('model-dtype').value);
      else $('model-source').focus();
    });
    $('model-folder').addEventListener('change', async ({ target }) => {
      const files = [...target.files];
      target.value = '';
      if (!files.length) return;
      const { model, stranger } = await modelAmong(inFolders(files));
      if (model) models.open(model, $('model-dtype').value);
      else say('model-trouble', stranger ? t('folderNotModel', { name: stranger }) : explain({ code: 'not-a-model' }));
    });
  }

  show() {
    $('model-dialog').showModal();
    this.draw();
  }

  /** Shows what there is now. */
  async draw() {
    if (!$('model-dialog').open) return;
    const mine = ++this.#turn;
    this.#drawModel();
    this.#known ??= listOf();
    const [known, kept] = await Promise.all([this.#known, Clip.cache.list().catch(() => [])]);
    if (mine !== this.#turn) return; // a newer one
    this.#drawKnown(known, kept);
    this.#drawKept(kept);
  }

  /** The model at work. */
  #drawModel() {
    const { model, source } = this.models;
    $('model-embedded').hidden = (model ? source : this.models.wanted) === undefined;
    $('model-about').hidden = !model;
    $('concepts-box').hidden = true;
    if (!model) return;
    const { dtype, threads, license, concepts, workers } = /** @type {any} */ (model.info);
    const { count, ...words } = this.models.words;
    const about = t('modelAbout', {
      ...words,
      precision: t({ q8: 'bits8', q4: 'bits4', f32: 'bits32' }[dtype]),
      threads: workers > 1 ? t('workers', { n: workers }) : t('threads', { n: threads }),
    });
    $('model-about').textContent = license ? `${about} ${t('modelLicence', { licence: license })}` : about;
    $('concepts-box').hidden = !count;
    $('concepts-title').textContent = count ? t('modelWords', { n: count }) : '';
    $('concepts').textContent = count ? [...concepts].sort((a, b) => a.localeCompare(b)).join(', ') : '';
  }

  /** @param {import('./known.js').KnownModel[]} known @param {any[]} kept */
  #drawKnown(known, kept) {
    const focused = document.activeElement?.closest('#known li')?.dataset.source;
    const items = known.map(one => this.#row(one, kept));
    $('known-box').hidden = !items.length;
    $('known').replaceChildren(...items);
    if (focused !== undefined)
      items
        .find(({ dataset }) => dataset.source === focused)
        ?.querySelector('button')
        ?.focus();
  }

  /** @param {import('./known.js').KnownModel} one @param {any[]} kept */
  #row({ name, source, bytes: sizes, accuracy, languages: codes, note, licence }, kept) {
    const embedded = !source || source === EMBEDDED;
    const size = sizes?.q8 ?? 0;
    const record = kept.find(({ id }) => id === idOf(source));
    const here = !embedded && record?.files.filter(file => /q8/.test(file)).length >= 2;
    const left = record && !here && record.bytes + record.unfinished > 0 ? Math.max(size - record.bytes - record.unfinished, 0) : 0;
    const facts = [
      size && bytes(size),
      accuracy?.imagenet && t('modelAccuracy', { n: percent(accuracy.imagenet) }),
      codes?.map(code => languages.of(code)).join(t('listAnd')),
      licence,
      embedded ? t('modelBuiltIn') : here ? t('modelKept') : left ? t('modelPart') : '',
    ];
    const text = make('span', {}, make('strong', { textContent: name }), make('span', { textContent: facts.filter(Boolean).join(' · ') }));
    if (note) text.append(make('span', { textContent: note }));
    const { model } = this.models;
    const inUse = model && (embedded ? this.models.source === undefined : this.models.source === source);
    const item = make(
      'li',
      {},
      text,
      inUse ? make('em', { textContent: t('modelInUse') }) : this.#use(name, source, { embedded, here, size: left || size }),
    );
    item.dataset.source = source;
    return item;
  }

  /** The button that opens a known model, with what is to be fetched for it. */
  #use(name, source, { embedded, here, size }) {
    const ready = embedded || here || !size;
    const use = make('button', {
      type: 'button',
      className: 'button small',
      textContent: ready ? t('modelUse') : t('modelFetch', { size: bytes(size) }),
      onclick: () => this.models.open(embedded ? undefined : source, 'q8', true),
    });
    use.setAttribute('aria-label', ready ? t('modelUseName', { name }) : t('modelFetchName', { name, size: bytes(size) }));
    return use;
  }

  /** @param {any[]} kept */
  #drawKept(kept) {
    const items = kept.map(({ id, name, bytes: size, unfinished }) => {
      const remove = make('button', { type: 'button', className: 'button small', textContent: t('delete') });
      remove.setAttribute('aria-label', t('deleteName', { name }));
      remove.addEventListener('click', async () => {
        remove.disabled = true;
        await Clip.cache.delete(id);
        announce(t('deleted', { name }));
        await this.draw();
        ($('kept').querySelector('button') ?? $('model-source')).focus();
      });
      const facts = `${bytes(size + unfinished)}${unfinished ? ` · ${t('modelPart')}` : ''}`;
      return make(
        'li',
        {},
        make('span', { title: id }, make('strong', { textContent: name }), make('span', { textContent: facts })),
        remove,
      );
    });
    $('kept').replaceChildren(...items);
    $('kept-none').hidden = items.length > 0;
  }
}
