/**
 * The page: photos and labels come in, go to the model, and what it says is shown. The state is here, each part has its own file.
 *
 * The room demo/: the page, which uses the package as any page would, through its faces. It may use api/.
 */
import { Answers } from './answers.js';
import { Camera } from './camera.js';
import { Chips } from './chips.js';
import { $, announce, closeBeside, say } from './dom.js';
import { Export } from './export.js';
import { listen } from './intake.js';
import { Library, MOST_PHOTOS, ORDERS } from './library.js';
import { Memory } from './memory.js';
import { Models } from './models.js';
import { Ranking } from './ranking.js';
import { Run } from './run.js';
import { Samples } from './samples.js';
import { Sheet } from './sheet.js';
import { unit } from './vectors.js';
import { Viewer } from './viewer.js';
import { split } from './labels.js';
import { about, blame, bytes, duration, explain, fillIn, language, number, percent, quote, t } from './words.js';

/** Milliseconds of quiet before a template that is being typed is looked at, and before a result is read out. */
const TYPING = 150;
const READING = 700;
/** Milliseconds between two drawings while photos are read. */
const DRAWING = 200;
const LEAST = [0, 0.5, 0.8, 0.9, 0.95];

document.documentElement.lang = language;
document.title = t('title');
fillIn(document);

const library = new Library();
const answers = new Answers();
const memory = new Memory();
const ranking = new Ranking($('ranking'));

/** What somebody wants to see. filter: a label's name; group: of photos without a sure label, or that cannot be read */
const view = {
  /** @type {string | null} */ filter: null,
  /** @type {'unsure' | 'failed' | null} */ group: null,
  /** @type {{ words: string, vector: Float32Array } | null} */ search: null,
  sort: 'added',
  least: 0.5,
  several: false,
};
/** The photo that is shown large; null while the sheet of several is. @type {import('./library.js').Photo | null} */
let current = null;
let readingLabels = null; // how far
let updating = false;
const took = 0;

const many = () => library.photos.length > 1;
const rules = () => ({ template: $('template').value, least: view.least, several: view.several });

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

// ---- parts ----

const models = new Models({
  onModel() {
    answers.clear();
    for (const photo of library.photos) if (photo.error && blame(photo.error) === 'model') photo.error = null;
    view.search = null;
    run.resume();
    chips.draw();
    update();
  },
});

const chips = new Chips({
  list: $('chips'),
  input: $('label-input'),
  field: $('field'),
  isUnknown: ({ name, examples }) => !examples && Boolean(models.model?.isUnknown(name)),
  onChange() {
    say('label-trouble', '');
    $('clear').hidden = !chips.labels.length;
    if (view.filter !== null && !chips.labels.some(({ name }) => name === view.filter)) view.filter = null;
    if (!chips.untouched) memory.keepLabels(chips.labels.filter(({ examples }) => !examples).map(({ name }) => name));
    update();
  },
});

const sheet = new Sheet($('tiles'), {
  describe,
  onOpen: photo => show(photo),
  onSelect: drawSelection,
  onView: () => run.go(),
});

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
    if (camera.live) camera.end();
    library.clear();
    library.add([{ file, name: title, folder: '', alt, sample: true }]);
    if (chips.untouched || !chips.labels.length) chips.suggest(labels);
    say('photo-trouble', '');
    show(library.photos[0]);
  },
});

const run = new Run({
  next(flying) {
    const { model } = models;
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
    fresh.push(photo);
    if (photo === current) extend();
    else extendSoon();
  },
  onFail(error) {
    if (error.code === 'disposed' || error.code === 'aborted') return; // the model changed
    run.stop();
    say('photo-trouble', explain(error));
  },
  onChange: () => drawSoon(),
});

const exporting = new Export({
  snapshot,
  counts: () => ({ shown: sheet.photos.length, selected: sheet.selected.size }),
  onMoved: remove,
});

const camera = new Camera({
  encode: picture => models.model.clip.encode(picture),
  onSeen: vector => drawLive(answers.ask(unit(vector))),
  onEnd: () => show(many() ? null : (library.photos[0] ?? null)),
});

// ---- photos ----

/** @param {import('./intake.js').Taken} taken */
async function take({ photos, model, stranger, cut }) {
  say('photo-trouble', '');
  if (model && !photos.length) return models.open(model, $('model-dtype').value);
  if (!photos.length) return say('photo-trouble', stranger ? t('folderNotModel', { name: stranger }) : t('noPictures'));
  samples.leave();
  if (camera.live) camera.end();
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
  run.stopped = false;
  show(many() ? null : library.photos[0]);
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
  const before = current;
  current = photo;
  const sheeted = !photo && many();
  $('viewer').hidden = sheeted;
  $('sheet').hidden = !sheeted;
  document.body.classList.toggle('many', sheeted);
  document.body.classList.toggle('viewing', Boolean(photo) && many());
  $('choose-label').textContent = t(library.photos.length && !library.photos[0].sample ? 'addPhotos' : 'choose');
  $('samples-box').hidden = !samples.list.length || (library.photos.length > 0 && !library.photos[0].sample);
  $('live-bar').hidden = $('video').hidden = !camera.live;
  if (sheeted) {
    arrange();
    viewer.close(before ? () => sheet.focus(before) : null);
  } else viewer.show(photo, { of: many(), from: before === null });
  draw();
  tellCurrent();
  run.go();
}

// ---- answers ----

/** Photos that were read and not answered yet. */
let fresh = [];
let turn = 0;

/** Answers everything anew: labels, template, rules or the model changed. No photo is encoded for it. */
async function update() {
  const mine = ++turn;
  const { model } = models;
  const { labels } = chips;
  updating = Boolean(model) && labels.length > 0;
  busy();
  draw();
  if (!model || !labels.length) {
    if (!labels.length) answers.clear();
    draw();
    return run.go();
  }
  run.go();
  try {
    if (!rules().template.includes('{}')) throw Object.assign(new Error(), { code: 'bad-template' });
    const { words, broad } = Answers.textsOf(model, labels, rules());
    await model.read([...words, ...broad], (done, all) => {
      readingLabels = done < all && all > 64 ? { done, all } : null;
      drawRun();
      return mine === turn;
    });
    const strangers = await model.ask(labels.filter(({ examples }) => !examples).map(({ name }) => name));
    if (strangers) chips.draw();
    if (mine !== turn) return;
    fresh = [];
    if (!(await answers.update(model, labels, rules(), library.photos))) return;
    say('template-trouble', '');
    say('label-trouble', '');
  } catch (error) {
    if (mine !== turn || error.code === 'disposed') return;
    readingLabels = null;
    answers.clear();
    say(error.code === 'bad-template' ? 'template-trouble' : 'label-trouble', explain(error));
  }
  updating = false;
  arrange();
  draw();
  tellCurrent();
}

/** Answers what was read since. */
async function extend() {
  const photos = fresh;
  fresh = [];
  if (updating) return; // all are answered at its end
  await answers.extend(photos);
  drawNow();
  if (photos.includes(current)) tellCurrent();
}

let extending = 0;
function extendSoon() {
  if (extending) return;
  extending = setTimeout(() => {
    extending = 0;
    extend();
  }, DRAWING);
}

/** Reads the answer of the photo in view out, once it stands. */
function tellCurrent() {
  if (!current || updating) return;
  if (current.error) {
    if (!$('no-preview').hidden) say('no-preview', t('noPicture'));
    return say('photo-trouble', explain(current.error, current.name));
  }
  const answer = answers.of(current);
  const scores = answers.scoresOf(current);
  if (!answer || !scores) return;
  const { labels } = answers;
  const score = at => percent(scores[at]);
  if (labels.length === 1)
    return announce(t(answer.kind === 'sure' ? 'oneYes' : 'oneNo', { label: labels[0].name, score: score(0) }), READING);
  const [first, second] = [...scores.keys()].sort((a, b) => scores[b] - scores[a]);
  if (answer.kind === 'none') announce(t('none'), READING);
  else if (answer.kind === 'unsure') announce(t('notSurePerhaps', { label: labels[first].name, score: score(first) }), READING);
  else
    announce(
      t('thenSecond', { first: labels[first].name, score: score(first), second: labels[second].name, other: score(second) }),
      READING,
    );
}

// ---- the sheet ----

/** @param {any} photo */
function groupOf(photo) {
  if (photo.error) return 'failed';
  const answer = answers.of(photo);
  return !answer ? 'waiting' : answer.kind === 'sure' ? 'sure' : 'unsure';
}

/** @param {any} photo */
function isShown(photo) {
  if (view.group) return groupOf(photo) === view.group;
  if (view.filter === null) return true;
  const answer = answers.of(photo);
  return answer?.tags.some(at => answers.labels[at].name === view.filter) ?? false;
}

let arranged = '';
/** Puts the photos of the sheet in the order that is wished for. While photos are read, those that are there keep their places. */
function arrange() {
  const key = JSON.stringify([view, chips.labels.map(({ name }) => name)]);
  const rank = orderBy();
  let photos = library.photos.filter(isShown);
  if (rank && run.running && key === arranged) {
    const wanted = new Set(photos);
    const kept = sheet.photos.filter(photo => wanted.delete(photo));
    photos = [...kept, ...wanted];
  } else if (rank) photos = photos.sort(rank);
  arranged = key;
  sheet.show(photos);
}

/** @returns {((a: any, b: any) => number) | null} null: as added */
function orderBy() {
  const { model } = models;
  /** @type {(photo: any) => number} */
  let value;
  if (view.search && model) {
    const column = model.vectors.column(view.search.vector);
    value = photo => column[model.vectors.rowOf(photo) ?? -1] ?? -2;
  } else if (view.sort === 'score') {
    const at = answers.labels.findIndex(({ name }) => name === view.filter);
    value = photo => (at < 0 ? (answers.of(photo)?.score ?? -1) : (answers.scoresOf(photo)?.[at] ?? -1));
  } else return ORDERS[view.sort] ?? null;
  const values = new Map(library.photos.map(photo => [photo, value(photo)]));
  return (a, b) => values.get(b) - values.get(a);
}

/** @param {{ words: string, vector: Float32Array } | null} wish */
async function search(wish) {
  view.search = wish;
  answers.kept = wish ? [wish.vector] : [];
  if (wish) await models.model?.vectors.compare([wish.vector]);
  if (view.search !== wish) return; // a newer one
  if (current && many()) show(null);
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

/** What a tile says of its photo. @param {any} photo */
function describe(photo) {
  const { name, folder, error } = photo;
  const title = folder + name;
  if (error) return { text: t('cannotRead'), score: '', kind: 'failed', spoken: t('tileFailed', { name }), title: explain(error, name) };
  const answer = answers.of(photo);
  if (!answer) return { text: chips.labels.length ? '…' : name, score: '', kind: 'waiting', spoken: t('tileWaiting', { name }), title };
  const label = answer.tags.length ? answer.tags.map(at => answers.labels[at].name).join(', ') : answers.labels[answer.best].name;
  const score = percent(answer.score);
  if (answer.kind === 'none') return { text: t('none'), score: '', kind: 'none', spoken: t('tileNone', { name }), title };
  const unknown = chips.labels.some(one => one.name === label && chips.isUnknown(one));
  const sure = answer.kind === 'sure';
  return {
    text: sure ? label : `${label}?`,
    score,
    kind: answer.kind,
    spoken: t(sure ? 'tileAnswer' : 'tileUnsure', { name, label, score }),
    title: unknown ? `${title}\n${t('unknownTile', { label })}` : title,
  };
}

function drawSelection() {
  const { size } = sheet.selected;
  $('selection').hidden = !size;
  $('selection-count').textContent = t('selected', { n: size });
}

// ---- showing ----

function busy() {
  const reading = current ? !current.error && !models.model?.vectors.has(current) : run.running;
  $('results').setAttribute(
    'aria-busy',
    String(chips.labels.length > 0 && library.photos.length > 0 && (updating || reading || fresh.length > 0)),
  );
}

let drawing = 0;
function drawSoon() {
  drawing ||= setTimeout(drawNow, DRAWING);
}
function drawNow() {
  clearTimeout(drawing);
  drawing = 0;
  if (!$('sheet').hidden) arrange();
  draw();
}

let finished = true;
function draw() {
  if (camera.live) return drawRun();
  const list = current ? entriesOfOne() : many() ? entriesOfMany() : entriesWaiting();
  ranking.show(list.entries, list.kind);
  $('ranking').hidden = !list.entries.length;
  say('unsure', list.note ?? '');
  drawRest();
  if (!$('sheet').hidden) {
    sheet.refresh();
    drawSheetHead();
  }
  drawRun();
  busy();
  const all = library.photos.length;
  const done = many() && !run.running && chips.labels.length > 0 && library.photos.every(photo => photo.error || answers.of(photo));
  if (done && !finished) announce(t('allDone', { n: all }), READING);
  finished = done || !many();
}

/** What stands below the answer whatever it is. */
function drawRest() {
  const { labels } = chips;
  $('empty').hidden = labels.length > 0 || models.model === null;
  $('rules').hidden = !many() || Boolean(current);
  const strangers = labels.filter(chips.isUnknown).map(({ name }) => quote(name));
  const listed = strangers.length > 3 ? t('unknownCount', { n: strangers.length }) : strangers.join(t('listAnd'));
  $('unknown-note').hidden = !strangers.length;
  $('unknown-text').textContent = strangers.length ? t('unknown', { n: strangers.length, list: listed }) : '';
  $('export-count').textContent = t('photoCount', { n: sheet.photos.length });
  const told = took ? t('hereTook', { ms: took < 10 ? about(took) : number(Math.round(took)) }) : t('here');
  $('privacy-text').textContent = navigator.onLine ? told : t('offline');
}

function entriesWaiting() {
  const entries = chips.labels.map(label => ({
    key: label.name,
    label: label.name,
    share: null,
    text: '',
    unknown: chips.isUnknown(label),
  }));
  return { entries, kind: 'waiting' };
}

/** @param {ArrayLike<number>} scores @param {import('./judge.js').Answer} answer */
function entriesOf(scores, answer) {
  const { labels } = answers;
  const order = labels.map((_, at) => at).sort((a, b) => scores[b] - scores[a]);
  const entries = order.map(at => {
    const text = percent(scores[at]);
    return {
      key: labels[at].name,
      label: labels[at].name,
      share: scores[at],
      text: labels.length === 1 ? t(scores[at] >= 0.5 ? 'yes' : 'no', { score: text }) : text,
      unknown: chips.isUnknown(labels[at]),
    };
  });
  if (labels.length === 1) return { entries, kind: answer.kind === 'sure' ? 'sure' : 'unsure' };
  return {
    entries,
    kind: answer.kind === 'sure' ? 'sure' : 'unsure',
    note: answer.kind === 'none' ? t('none') : answer.kind === 'unsure' ? t('notSure') : '',
  };
}

function entriesOfOne() {
  const answer = answers.of(current);
  const scores = answers.scoresOf(current);
  if (current.error || !answer || !scores || !sameLabels()) {
    if (!answer || !scores || current.error) return entriesWaiting();
    // until the answer to the present labels is there, the last one stands, less what was removed
    const { entries, kind } = entriesOf(scores, answer);
    const here = new Set(chips.labels.map(({ name }) => name));
    const known = entries.filter(({ key }) => here.has(key));
    const have = new Set(known.map(({ key }) => key));
    return { entries: [...known, ...entriesWaiting().entries.filter(({ key }) => !have.has(key))], kind: known.length ? kind : 'waiting' };
  }
  return entriesOf(scores, answer);
}

const sameLabels = () =>
  answers.labels.length === chips.labels.length && answers.labels.every(({ name }, i) => name === chips.labels[i].name);

/** Labels in the order in which they were shown last: it stays while photos are read. */
let order = [];
function entriesOfMany() {
  const counts = new Map(chips.labels.map(({ name }) => [name, 0]));
  let [unsure, failed, known] = [0, 0, 0];
  for (const photo of library.photos) {
    const group = groupOf(photo);
    if (group === 'failed') failed++;
    else if (group !== 'waiting') {
      known++;
      if (group === 'unsure') unsure++;
      for (const at of answers.of(photo).tags) {
        const { name } = answers.labels[at];
        if (counts.has(name)) counts.set(name, counts.get(name) + 1);
      }
    }
  }
  if (!chips.labels.length && !failed) return { entries: [], kind: 'counts' };
  const names = new Set(counts.keys());
  order = order.filter(name => names.delete(name)).concat([...names]);
  if (!run.running && !updating) order = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a));
  const filterBy = (filter, group) => () => {
    const on = view.filter === filter && view.group === group;
    Object.assign(view, { filter: on ? null : filter, group: on ? null : group });
    arrange();
    draw();
    announce(t('photoCount', { n: sheet.photos.length }));
  };
  const entries = order.map(name => ({
    key: name,
    label: name,
    share: known ? counts.get(name) / known : 0,
    text: number(counts.get(name)),
    unknown: chips.labels.some(label => label.name === name && chips.isUnknown(label)),
    onPress: filterBy(name, null),
    pressed: view.filter === name,
  }));
  const group = (key, label, count) => ({
    key: `\n${key}`, // no label has a new line
    label,
    share: known ? count / library.photos.length : 0,
    text: number(count),
    quiet: true,
    onPress: filterBy(null, key),
    pressed: view.group === key,
  });
  if (chips.labels.length) entries.push(group('unsure', t('notSure'), unsure));
  if (failed) entries.push(group('failed', t('failed'), failed));
  return { entries, kind: 'counts' };
}

function drawSheetHead() {
  const shown = sheet.photos.length;
  const all = library.photos.length;
  const what = view.search?.words ?? view.filter ?? (view.group ? t(view.group === 'failed' ? 'failed' : 'notSure') : '');
  const count = shown < all ? t('ofCount', { part: shown, all: t('photoCount', { n: all }) }) : t('photoCount', { n: all });
  $('sheet-title').textContent = what ? `${what} · ${count}` : count;
  $('show-all').hidden = !what;
  $('show-all').textContent = t(view.search && !view.filter && !view.group ? 'searchEnd' : 'showAll');
  $('nothing-fits').hidden = shown > 0;
}

function drawRun() {
  const all = library.photos.length;
  const done = many() ? library.photos.reduce((sum, photo) => sum + (photo.error || models.model?.vectors.has(photo) ? 1 : 0), 0) : 0;
  const open = many() && models.model !== null && done < all && (run.running || run.stopped);
  $('run').hidden = !open && !readingLabels;
  if ($('run').hidden) return;
  const { rate } = run;
  const at = readingLabels ?? { done, all };
  const words = readingLabels ? t('readingLabels') : run.stopped ? t('stopped') : t('reading');
  $('run-text').textContent = `${words}: ${t('progress', at)}`;
  const more = !readingLabels && rate ? [t('rate', { n: about(rate) }), t('left', { time: duration((all - done) / rate) })] : [];
  $('run-more').textContent = more.join(' · ');
  $('run-bar').value = at.done / at.all;
  $('run-stop').hidden = Boolean(readingLabels);
  $('run-stop').textContent = t(run.stopped ? 'resume' : 'stop');
}

/** @param {ReturnType<Answers['ask']>} seen */
function drawLive(seen) {
  const list = seen ? entriesOf(seen.scores, seen.answer) : entriesWaiting();
  ranking.show(list.entries, list.kind);
  $('ranking').hidden = !list.entries.length;
  say('unsure', list.note ?? '');
  $('results').setAttribute('aria-busy', 'false');
  drawRest();
}

// ---- what is saved ----

/** @param {boolean} selected only those @returns {import('./table.js').Snapshot} */
function snapshot(selected) {
  const photos = selected ? sheet.photos.filter(photo => sheet.selected.has(photo)) : sheet.photos;
  const { labels } = answers;
  const { name, dtype } = models.model?.info ?? { name: '', dtype: '' };
  const rows = photos.map(photo => {
    const answer = answers.of(photo);
    const scores = answers.scoresOf(photo);
    const best = answer && labels[answer.best];
    return {
      photo,
      file: photo.name,
      folder: photo.folder,
      kind: photo.error ? 'failed' : (answer?.kind ?? 'waiting'),
      label: best?.name ?? '',
      score: answer?.score ?? null,
      unknown: Boolean(best && chips.isUnknown(best)),
      tags: answer?.tags.map(at => labels[at].name) ?? [],
      scores: labels.map((_, at) => scores?.[at] ?? null),
      error: photo.error?.code ?? '',
    };
  });
  return {
    model: name,
    dtype,
    template: rules().template,
    labels: labels.map(label => ({ name: label.name, unknown: chips.isUnknown(label), examples: label.examples?.length ?? 0 })),
    least: view.least,
    several: view.several,
    filter: view.filter,
    missing: rows.filter(({ kind }) => kind === 'waiting').length + (view.filter === null && !selected ? 0 : unread()),
    rows,
  };
}

/** Photos that a filter cannot know of yet. */
const unread = () => library.photos.filter(photo => groupOf(photo) === 'waiting').length;

// ---- what people press ----

listen({
  choose: [$('choose'), $('camera')],
  folder: $('folder'),
  folderButton: $('folder-button'),
  veil: $('drop-veil'),
  onTaken: take,
  onTrouble: () => say('photo-trouble', t('notOpened')),
});
$('clear').addEventListener('click', () => chips.clear());
$('begin').addEventListener('click', () => {
  chips.add(split(t('beginWords')));
  $('label-input').focus();
});
let quiet;
$('template').addEventListener('input', () => {
  clearTimeout(quiet);
  quiet = setTimeout(update, TYPING);
});
$('run-stop').addEventListener('click', () => (run.stopped ? run.resume() : run.stop()));
$('search-form').addEventListener('submit', event => {
  event.preventDefault();
  searchFor($('search').value.trim());
});
$('search').addEventListener('input', () => $('search').value || search(null));
$('sort').addEventListener('change', () => {
  view.sort = $('sort').value;
  arrange();
});
$('show-all').addEventListener('click', () => {
  Object.assign(view, { filter: null, group: null });
  $('search').value = '';
  search(null);
});
$('select-all').addEventListener('click', () => sheet.select(sheet.photos));
$('selection-clear').addEventListener('click', () => {
  sheet.select([]);
  sheet.list.focus({ preventScroll: true });
});
$('selection-remove').addEventListener('click', () => remove(new Set(sheet.selected)));
for (const id of ['export', 'selection-export']) $(id).addEventListener('click', () => exporting.show());
for (const radio of document.querySelectorAll('[name="tags"]'))
  radio.addEventListener('change', () => {
    view.several = radio.value === 'several';
    update();
  });
for (const least of LEAST) {
  const radio = Object.assign(document.createElement('input'), {
    type: 'radio',
    name: 'least',
    value: String(least),
    checked: least === view.least,
  });
  radio.addEventListener('change', () => {
    view.least = least;
    update();
  });
  const label = document.createElement('label');
  label.append(radio, Object.assign(document.createElement('span'), { textContent: least ? percent(least) : t('leastAny') }));
  $('least').append(label);
}

closeBeside($('label-dialog'));
$('selection-label').addEventListener('click', () => {
  $('label-count').textContent = t('makeLabelHelp', { n: sheet.selected.size });
  $('label-name').value = '';
  $('label-dialog').showModal();
});
$('label-cancel').addEventListener('click', () => $('label-dialog').close());
$('label-form').addEventListener('submit', () => {
  const examples = [...sheet.selected];
  sheet.select([]);
  chips.addExamples($('label-name').value, examples);
});

$('remember').addEventListener('change', async ({ target }) => {
  target.checked = (await memory.turn(target.checked)) && target.checked;
  if (!memory.on || !models.model) return;
  memory.keepLabels(chips.labels.filter(({ examples }) => !examples).map(({ name }) => name));
  const { vectors, fingerprint } = models.model;
  for (const photo of library.photos)
    if (vectors.has(photo) && !photo.sample) await memory.keep(fingerprint, photo.file, vectors.of(photo));
});
closeBeside($('forget-dialog'));
const listOf = ({ embeddings, labels, models: count, bytes: size }) =>
  [
    embeddings && t('forgetEmbeddings', { n: embeddings }),
    labels && t('forgetLabels', { n: labels }),
    count && t('forgetModels', { n: count, size: bytes(size) }),
  ]
    .filter(Boolean)
    .join(t('listAnd'));
$('forget').addEventListener('click', async () => {
  const list = listOf(await memory.inventory());
  $('forget-what').textContent = list ? t('forgetHas', { list }) : t('forgetNothing');
  $('forget-go').disabled = !list;
  $('forget-dialog').showModal();
});
$('forget-go').addEventListener('click', async () => {
  const list = listOf(await memory.forget());
  $('remember').checked = false;
  say('warnings', t('forgotten', { list }));
  announce(t('forgotten', { list }));
});

$('live').hidden = !navigator.mediaDevices?.getUserMedia;
$('live').addEventListener('click', async () => {
  samples.leave();
  if (!(await camera.start())) return;
  say('photo-trouble', '');
  current = null;
  document.body.classList.remove('many', 'viewing');
  $('viewer').hidden = $('live-bar').hidden = $('video').hidden = false;
  $('sheet').hidden = $('rules').hidden = $('samples-box').hidden = true;
  viewer.show(null, { of: false, from: false });
  drawLive(null);
  $('freeze').focus();
});
for (const type of ['online', 'offline']) addEventListener(type, drawRest);

// ---- the beginning ----

$('template').value = t('templateDefault');
$('begin').textContent = `${t('begin')}: ${t('beginWords')}`;
$('clear').hidden = true;
chips.draw();
draw();
const asked = new URLSearchParams(location.search);
models.open(asked.get('model') ?? undefined, asked.get('dtype') ?? 'q8');
const { labels: remembered } = await memory.start();
$('remember').checked = memory.on;
if (remembered?.length && chips.untouched) chips.add(remembered);
await samples.offer();
