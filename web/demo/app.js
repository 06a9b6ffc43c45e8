/**
 * The page: photos and labels come in, go to the model, and what it says is shown. The state is here, each part has its own file.
 *
 * The room demo/: the page, which uses the package as any page would, through its faces. It may use no other room.
 */
import { Chips } from './chips.js';
import { listen } from './intake.js';
import { Models } from './models.js';
import { Ranking } from './ranking.js';
import { Tiles, csvOf, jsonOf, save } from './tiles.js';
import { tint } from './tint.js';
import { blame, explain, percent, plural } from './words.js';

/** @typedef {{ file: Blob, name: string, alt: string, key: string, scores: { label: string, score: number }[] | null, error: any }} Photo
 *  key: what its scores were computed for */

const $ = id => document.getElementById(id);
const SAMPLES = new URL('/weights/samples/', location.href);
/** Milliseconds of quiet before labels that are being typed are looked at, and before a result is read out. */
const TYPING = 120;
const READING = 700;

/** @type {Photo[]} */
let photos = [];
/** The photo that is shown large; null while the sheet of several is. @type {Photo | null} */
let current = null;
let generation = 0; // of the model
let url = ''; // of the photo that is shown
let working = false;

function say(id, text) {
  $(id).textContent = text;
  $(id).hidden = !text;
}

let reading;
function announce(text, delay = 0) {
  clearTimeout(reading);
  reading = setTimeout(() => ($('announce').textContent = text), delay);
}

const models = new Models({
  announce,
  onModel() {
    generation++;
    chips.draw();
    ask();
  },
  onProgress(text, share) {
    $('loading').hidden = text === null;
    $('retry').hidden = true;
    $('loading-bar').hidden = false;
    if (text === null) return;
    $('loading-text').textContent = text;
    if (share === undefined) $('loading-bar').removeAttribute('value');
    else $('loading-bar').value = share;
  },
  onFail(text) {
    queueMicrotask(() => {
      $('loading').hidden = $('retry').hidden = false;
      $('loading-bar').hidden = true;
      $('loading-text').textContent = text;
    });
  },
});

const ranking = new Ranking($('ranking'));
const tiles = new Tiles($('tiles'), photo => show(photo));

const chips = new Chips({
  list: $('chips'),
  input: $('label-input'),
  field: $('field'),
  announce,
  isUnknown: label => models.isUnknown(label),
  onChange() {
    say('label-trouble', '');
    $('clear').hidden = !chips.labels.length;
    draw();
    later();
  },
});

const busy = on => $('results').setAttribute('aria-busy', String(on));

let quiet;
function later() {
  busy(chips.labels.length > 0);
  clearTimeout(quiet);
  quiet = setTimeout(ask, TYPING);
}

// ---- photos ----

/** @param {(File | { file: Blob, name: string, alt: string })[]} given */
function take(given) {
  say('photo-trouble', '');
  photos = given.map(one => ({
    file: one.file ?? one,
    name: one.name || 'pasted picture',
    alt: one.alt ?? `Your photo, ${one.name || 'pasted'}`,
    key: '',
    scores: null,
    error: null,
  }));
  tiles.set(photos.length > 1 ? photos : []);
  for (const button of $('samples').querySelectorAll('button'))
    button.setAttribute('aria-pressed', String(button.dataset.name === photos[0].name && given[0].file !== undefined));
  show(photos.length > 1 ? null : photos[0]);
}

/** Shows one photo, or with null the sheet of all. @param {Photo | null} photo */
function show(photo) {
  const before = current;
  current = photo;
  $('print').hidden = !photo;
  $('sheet').hidden = Boolean(photo);
  $('back').hidden = !photo || photos.length < 2;
  document.body.classList.toggle('many', !photo);
  $('no-preview').hidden = true;
  URL.revokeObjectURL(url);
  if (photo) {
    url = URL.createObjectURL(photo.file);
    Object.assign($('photo'), { src: url, alt: photo.alt, hidden: false });
    $('caption').textContent = photo.name;
    tint(photo.file, document.documentElement);
  } else {
    $('photo').removeAttribute('src');
    $('caption').textContent = '';
    if (before) tiles.focus(before);
  }
  draw();
  ask();
}

$('photo').addEventListener('error', () => {
  if (!current) return;
  $('photo').hidden = true;
  say('no-preview', 'Your browser cannot show this kind of file. The model may still read it.');
});
$('back').addEventListener('click', () => show(null));

// ---- asking the model ----

const template = () => $('template').value;
const keyNow = () => JSON.stringify([generation, template(), chips.labels]);

/** The next photo whose answer is not of the present labels; the one that is looked at goes first. */
function next() {
  const key = keyNow();
  if (current && current.key !== key) return current;
  return photos.find(photo => photo.key !== key);
}

/** Goes on until every photo has its answer. One question at a time: what was asked for in the meantime is seen by the loop. */
async function ask() {
  const { clip } = models;
  if (working || !clip) return;
  if (!chips.labels.length) {
    busy(false);
    return draw();
  }
  working = true;
  busy(true);
  try {
    for (let photo = next(); photo && chips.labels.length && models.clip; photo = next()) {
      const key = keyNow();
      const start = performance.now();
      const [scores, error] = await models.clip.classify(photo.file, chips.labels, { template: template() }).then(
        scores => [scores, null],
        error => [null, error],
      );
      if (error?.code === 'disposed') continue; // the model changed below
      const wrong = error && blame(error);
      if (wrong === 'labels' || wrong === 'model') {
        for (const one of photos) one.key = key; // it would be the same for each
        say(wrong === 'model' ? 'photo-trouble' : error.code === 'bad-template' ? 'template-trouble' : 'label-trouble', explain(error));
        break;
      }
      if (key !== keyNow()) continue; // the labels changed meanwhile: the latest wins
      Object.assign(photo, { key, scores, error });
      tiles.update(photo);
      if (photo === current || !current) settle(performance.now() - start);
    }
  } finally {
    working = false;
    busy(false);
    draw();
  }
}

/** Shows a new answer, and reads it out once it stands. @param {number} took milliseconds */
function settle(took) {
  if (current) draw();
  else drawSoon();
  say('template-trouble', '');
  if (!current) {
    const done = photos.filter(photo => photo.key === keyNow()).length;
    if (done === photos.length) announce(`All ${done} photos have labels.`, READING);
    return;
  }
  if (current.error && !$('no-preview').hidden) say('no-preview', 'There is no picture to show.');
  say('photo-trouble', current.error ? explain(current.error, current.name) : '');
  if (!current.scores) return;
  told.took = took;
  tell();
  const [first, second] = current.scores;
  announce(`${first.label}, ${percent(first.score)}${second ? `; then ${second.label}, ${percent(second.score)}` : ''}.`, READING);
}

// ---- showing ----

/** What the ranked list has to show, from the state alone. */
function entries() {
  const { labels } = chips;
  const unknown = label => models.isUnknown(label);
  const waiting = labels.map(label => ({ label, share: null, text: '', unknown: unknown(label) }));
  if (current) {
    // until the answer to the present labels is there, the last one stands, less what was removed
    const known = (current.scores ?? []).filter(({ label }) => labels.includes(label));
    const scored = new Set(known.map(({ label }) => label));
    return [
      ...known.map(({ label, score }) => ({ label, share: score, text: percent(score), unknown: unknown(label) })),
      ...waiting.filter(({ label }) => !scored.has(label)),
    ];
  }
  const done = photos.filter(photo => photo.scores);
  if (!done.length) return waiting;
  const counts = new Map(labels.map(label => [label, 0]));
  for (const { scores } of done) if (counts.has(scores[0].label)) counts.set(scores[0].label, counts.get(scores[0].label) + 1);
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([label, count]) => ({ label, share: count / done.length, text: plural(count, 'photo'), unknown: unknown(label) }));
}

function draw() {
  const list = entries();
  ranking.show(list);
  $('ranking').hidden = !list.length;
  $('empty').hidden = list.length > 0;
  const strangers = list.filter(entry => entry.unknown).map(entry => entry.label);
  say(
    'unknown-note',
    strangers.length
      ? `${strangers.length > 3 ? plural(strangers.length, 'label') : strangers.map(label => `“${label}”`).join(', ')} ${strangers.length > 1 ? 'are' : 'is'} not among the words this model was taught: take the score as a guess.`
      : '',
  );
  const done = photos.filter(photo => photo.scores || photo.error).length;
  $('export').hidden = Boolean(current) || !photos.length;
  $('export-count').textContent = done < photos.length ? `${done} of ${plural(photos.length, 'photo')}` : plural(photos.length, 'photo');
}

/** For the sheet, whose counts change with every photo. */
let drawing = 0;
function drawSoon() {
  if (drawing) return;
  drawing = setTimeout(() => {
    drawing = 0;
    draw();
  }, 200);
}

const told = { took: 0 };
function tell() {
  const took = told.took ? ` in ${told.took < 10 ? told.took.toFixed(1) : Math.round(told.took)} ms` : '';
  $('privacy-text').textContent = navigator.onLine
    ? `Computed on this device${took}. Photos and labels are sent nowhere: switch the network off and go on.`
    : `You are offline, and it goes on: computed on this device${took}.`;
}

// ---- the rest of the page ----

listen({
  choose: [$('choose'), $('camera')],
  veil: $('drop-veil'),
  onPhotos: take,
  onModel: files => models.open(files, $('model-dtype').value),
  onTrouble: text => say('photo-trouble', text),
});
$('clear').addEventListener('click', () => chips.clear());
$('template').addEventListener('input', later);
$('retry').addEventListener('click', start);
$('save-csv').addEventListener('click', () => save(csvOf(photos, chips.labels), 'labels.csv', 'text/csv'));
$('save-json').addEventListener('click', () => save(jsonOf(photos), 'labels.json', 'application/json'));
addEventListener('online', tell);
addEventListener('offline', tell);

async function offerSamples() {
  const samples = await fetch(new URL('index.json', SAMPLES))
    .then(answer => (answer.ok ? answer.json() : []))
    .catch(() => []);
  const pick = async ({ file, title, labels, alt }, own) => {
    const answer = await fetch(new URL(file, SAMPLES)).catch(() => null);
    if (!answer?.ok) return say('photo-trouble', 'That sample could not be fetched.');
    if (own && (photos.length || chips.labels.length)) return; // somebody was faster
    const blob = await answer.blob();
    chips.labels = labels;
    take([{ file: blob, name: title, alt }]);
  };
  for (const sample of samples) {
    const item = document.createElement('li');
    const button = Object.assign(document.createElement('button'), { type: 'button' });
    button.dataset.name = sample.title;
    button.append(Object.assign(new Image(96, 96), { src: new URL(sample.file, SAMPLES).href, alt: sample.title, title: sample.title }));
    button.addEventListener('click', () => pick(sample, false));
    item.append(button);
    $('samples').append(item);
  }
  $('samples-box').hidden = !samples.length;
  if (samples.length) await pick(samples[0], true);
}

function start() {
  const asked = new URLSearchParams(location.search);
  models.open(asked.get('model') ?? undefined, asked.get('dtype') ?? 'q8');
}

tell();
chips.labels = [];
offerSamples();
start();
