/**
 * The page: photos and labels come in, go to the model, and what it says is shown. Here its parts are put together; the state is in
 * desk.js, and each part has its own file. What only some visits need is fetched when it is wanted.
 *
 * The room demo/: the page, which uses the package as any page would, through its faces. It may use api/.
 */
import { arrange } from './arranging.js';
import { Asking } from './asking.js';
import { Chips } from './chips.js';
import { desk, many, rules, wordsOf } from './desk.js';
import { $, announce, closeBeside, say } from './dom.js';
import { draw, drawLive, drawNow, drawRest, drawRun, drawSoon, endLive, tellCurrent } from './drawing.js';
import { listen } from './intake.js';
import { split } from './labels.js';
import { MOST_PHOTOS } from './library.js';
import { Models } from './models.js';
import { tileOf } from './phrases.js';
import { listenToRules } from './rules.js';
import { Run } from './run.js';
import { Samples } from './samples.js';
import { Sheet } from './sheet.js';
import { unit } from './vectors.js';
import { Viewer } from './viewer.js';
import { blame, explain, fillIn, language, quote, t } from './words.js';

document.documentElement.lang = language;
document.title = t('title');
fillIn(document);

const { answers, library, memory, view } = desk;

// ---- parts ----

const models = (desk.models = new Models({
  dialogOf: async models => new (await import('./model-dialog.js')).ModelDialog(models),
  onModel() {
    answers.clear();
    for (const photo of library.photos) if (photo.error && blame(photo.error) === 'model') photo.error = null;
    view.search = null;
    run.resume();
    chips.draw();
    update();
  },
}));

const chips = (desk.chips = new Chips({
  list: $('chips'),
  input: $('label-input'),
  field: $('field'),
  isUnknown: ({ name, examples }) => !examples && Boolean(models.model?.isUnknown(name)),
  onChange() {
    say('label-trouble', '');
    $('clear').hidden = !chips.labels.length;
    if (view.filter !== null && !chips.labels.some(({ name }) => name === view.filter)) view.filter = null;
    if (!chips.untouched) memory.keepLabels(wordsOf(chips.labels));
    update();
  },
}));

const sheet = (desk.sheet = new Sheet($('tiles'), {
  describe: tileOf,
  onOpen: photo => show(photo),
  onSelect() {
    const { size } = sheet.selected;
    $('selection').hidden = !size;
    $('selection-count').textContent = t('selected', { n: size });
  },
  onView: () => run.go(),
}));

const asking = (desk.asking = new Asking({
  answers,
  wish: () => ({ model: models.model, labels: chips.labels, rules: rules(), photos: library.photos }),
  onBegin() {
    draw();
    run.go();
  },
  onProgress: drawRun,
  onStrangers: () => chips.draw(),
  onUpdated(error) {
    for (const place of ['template-trouble', 'label-trouble'])
      say(place, error && (error.code === 'bad-template') === (place === 'template-trouble') ? explain(error) : '');
    arrange();
    draw();
    tellCurrent();
  },
  onExtended(photos) {
    drawNow();
    if (photos.includes(desk.current)) tellCurrent();
  },
}));
const update = () => asking.update();

const viewer = new Viewer({
  list: () => sheet.photos,
  thumbs: sheet.thumbs,
  onGo: photo => show(photo),
  onBack: () => show(null),
  onLike(photo) {
    const vector = models.model?.vectors.of(photo);
    if (vector) search({ words: t('likePhoto', { what: quote(photo.name) }), vector });
  },
});

const samples = new Samples({
  language,
  onPick({ title, labels, alt }, file) {
    camera?.end();
    library.clear();
    library.add([{ file, name: title, folder: '', alt, sample: true }]);
    if (chips.untouched || !chips.labels.length) chips.suggest(labels);
    say('photo-trouble', '');
    show(library.photos[0]);
  },
});

/** Where the run is in the list; what was passed over is looked at once more at the end. */
let place = 0;
function nextOf(open) {
  const { photos } = library;
  for (let i = 0; i < photos.length; i++) {
    const at = (place + i) % photos.length;
    if (open(photos[at])) {
      place = at;
      return photos[at];
    }
  }
}

const run = (desk.run = new Run({
  next(flying) {
    const { model } = models;
    const { current } = desk;
    const open = photo => !photo.error && !model.vectors.has(photo) && !flying(photo);
    if (!model) return undefined;
    if (current && open(current)) return current;
    return (many() && !current ? sheet.inView.find(open) : undefined) ?? nextOf(open);
  },
  async recall(photo) {
    const { model } = models;
    if (!memory.on || !model || photo.sample) return false;
    const vector = await memory.find(model.fingerprint, photo.file);
    if (vector) model.vectors.add(photo, vector);
    return vector !== null;
  },
  encodeEach: files => models.model.encodeEach(files),
  onRead(photo, embedding, error) {
    const { model } = models;
    if (error && blame(error) !== 'photo') throw error;
    photo.error = error ?? null;
    if (embedding && model) {
      model.vectors.add(photo, embedding);
      if (memory.on && !photo.sample) memory.keep(model.fingerprint, photo.file, embedding);
    }
    asking.add(photo, photo === desk.current);
  },
  onFail(error) {
    if (error.code === 'disposed' || error.code === 'aborted') return; // the model changed
    run.stop();
    say('photo-trouble', explain(error));
  },
  onTurn: drawRun, // its button must not say what it no longer does
  onChange: drawSoon,
}));

// ---- what is fetched when it is wanted ----

/** A part of the page, made once. @template T @param {() => Promise<T>} make */
function wanted(make) {
  /** @type {Promise<T | null> | null} */
  let made = null;
  return () =>
    (made ??= make().catch(() => {
      made = null;
      say('warnings', explain({ code: 'no-wasm' }));
      return null;
    }));
}

const exporting = wanted(async () => {
  const [{ Export }, { snapshotOf }] = await Promise.all([import('./export.js'), import('./snapshot.js')]);
  const counts = () => ({ shown: sheet.photos.length, selected: sheet.selected.size });
  return new Export({ snapshot: snapshotOf, counts, onMoved: remove });
});

/** @type {import('./camera.js').Camera | null} */
let camera = null;
const withCamera = wanted(async () => {
  const { Camera } = await import('./camera.js');
  return (camera = new Camera({
    encode: picture => models.model.clip.encode(picture),
    onSeen: vector => drawLive(answers.ask(unit(vector))),
    onEnd() {
      endLive();
      show(many() ? null : (library.photos[0] ?? null));
    },
  }));
});

const keeping = wanted(() => import('./keeping.js'));

// ---- photos ----

/** @param {import('./intake.js').Taken} taken */
async function take({ photos, model, stranger, cut }) {
  say('photo-trouble', '');
  if (model && !photos.length) return models.open(model, $('model-dtype').value);
  if (!photos.length) return say('photo-trouble', stranger ? t('folderNotModel', { name: stranger }) : t('noPictures'));
  samples.leave();
  camera?.end();
  const [first] = library.photos;
  if (first?.sample || (first?.error && !many())) library.clear(); // one that could not be read makes way for the next
  if (!library.photos.length && chips.untouched && chips.labels.length) chips.suggest([]);
  let added = 0;
  let since = performance.now();
  for (const { file, folder, parent } of photos) {
    const name = file.name || t('pasted');
    added += library.add([{ file, name, folder, parent, alt: t('yourPhoto', { name }) }]).length;
    // browsers look at the disk for each file's size, and stop the page meanwhile
    if (performance.now() - since < 8) continue;
    await new Promise(resolve => setTimeout(resolve));
    since = performance.now();
  }
  if (cut) say('photo-trouble', t('tooMany', { n: MOST_PHOTOS }));
  announce(added ? t('added', { n: added }) : t('nothingNew'));
  show(many() ? null : library.photos[0]);
  run.resume();
}

/** @param {Set<any>} photos */
function remove(photos) {
  library.remove(photos);
  sheet.select([...sheet.selected].filter(photo => !photos.has(photo)));
  announce(t('removed', { n: photos.size }));
  show(many() ? null : (library.photos[0] ?? null));
}

/** Shows one photo, or with null the sheet of all. @param {import('./library.js').Photo | null} photo */
function show(photo) {
  const before = desk.current;
  desk.current = photo;
  const sheeted = !photo && many();
  const own = library.photos.length > 0 && !library.photos[0].sample;
  $('viewer').hidden = sheeted;
  $('sheet').hidden = !sheeted;
  document.body.classList.toggle('many', sheeted);
  document.body.classList.toggle('viewing', Boolean(photo) && many());
  $('choose-label').textContent = t(own ? 'addPhotos' : 'choose');
  $('samples-box').hidden = !samples.list.length || own;
  $('live-bar').hidden = $('video').hidden = !camera?.live;
  if (sheeted) {
    arrange();
    viewer.close(before ? () => sheet.focus(before) : null);
  } else viewer.show(photo, { of: many(), from: before === null });
  draw();
  tellCurrent();
  run.go();
}

// ---- search ----

/** @param {{ words: string, vector: Float32Array } | null} wish */
async function search(wish) {
  view.search = wish;
  answers.kept = wish ? [wish.vector] : [];
  if (wish) await models.model?.vectors.compare([wish.vector]);
  if (view.search !== wish) return; // a newer one
  if (desk.current && many()) show(null);
  else arrange();
  scrollTo(0, 0);
  draw();
}

async function searchFor(text) {
  const { model } = models;
  if (!text || !model) return search(null);
  const mine = (searchFor.wish = {});
  await model.read([text], () => mine === searchFor.wish);
  const vector = model.known(text);
  if (mine === searchFor.wish && vector) search({ words: t('nearestTo', { what: quote(text) }), vector });
}

// ---- what people press ----

const press = (id, action) => $(id).addEventListener('click', action);

listen({
  choose: [$('choose'), $('camera')],
  folder: $('folder'),
  folderButton: $('folder-button'),
  veil: $('drop-veil'),
  onTaken: take,
  onTrouble: () => say('photo-trouble', t('notOpened')),
});
listenToRules(update);
press('clear', () => chips.clear());
press('begin', () => {
  chips.add(split(t('beginWords')));
  $('label-input').focus();
});
press('run-stop', () => (run.stopped ? run.resume() : run.stop()));
$('search-form').addEventListener('submit', event => {
  event.preventDefault();
  searchFor($('search').value.trim());
});
$('search').addEventListener('input', () => $('search').value || search(null));
$('sort').addEventListener('change', () => {
  view.sort = $('sort').value;
  arrange();
});
press('show-all', () => {
  Object.assign(view, { filter: null, group: null });
  $('search').value = '';
  search(null);
});
press('select-all', () => sheet.select(sheet.photos));
press('selection-clear', () => {
  sheet.select([]);
  sheet.list.focus({ preventScroll: true });
});
press('selection-remove', () => remove(new Set(sheet.selected)));
for (const id of ['export', 'selection-export']) press(id, async () => (await exporting())?.show());

closeBeside($('label-dialog'));
press('selection-label', () => {
  $('label-count').textContent = t('makeLabelHelp', { n: sheet.selected.size });
  $('label-name').value = '';
  $('label-dialog').showModal();
});
press('label-cancel', () => $('label-dialog').close());
$('label-form').addEventListener('submit', () => {
  const examples = [...sheet.selected];
  sheet.select([]);
  chips.addExamples($('label-name').value, examples);
});

$('remember').addEventListener('change', async () => (await keeping())?.remember($('remember')));
press('forget', async () => (await keeping())?.ask());

$('live').hidden = !navigator.mediaDevices?.getUserMedia;
press('live', async () => {
  samples.leave();
  if (!(await (await withCamera())?.start())) return;
  say('photo-trouble', '');
  desk.current = null;
  document.body.classList.remove('many', 'viewing');
  $('viewer').hidden = $('live-bar').hidden = $('video').hidden = false;
  $('sheet').hidden = $('rules').hidden = $('samples-box').hidden = true;
  viewer.show(null, { of: false, from: false });
  drawLive(null);
  $('freeze').focus();
});
for (const type of ['online', 'offline']) addEventListener(type, drawRest);

// ---- the beginning ----

$('begin').textContent = `${t('begin')}: ${t('beginWords')}`;
$('clear').hidden = true;
chips.draw();
draw();
const asked = new URLSearchParams(location.search);
models.open(asked.get('model') ?? undefined, asked.get('dtype') ?? 'q8');
memory.start().then(({ labels }) => {
  $('remember').checked = memory.on;
  if (labels?.length && chips.untouched) chips.add(labels);
  samples.offer();
});
