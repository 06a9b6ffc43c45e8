/** What the desk shows, drawn anew: the ranking, the run's bar, the head of the sheet, what stands below. */
import { arrange } from './arranging.js';
import { desk, many } from './desk.js';
import { $, announce, say } from './dom.js';
import { Ranking } from './ranking.js';
import { rowsOf, rowsOfMany, rowsOfOne, rowsWaiting } from './rows.js';
import { about, duration, explain, quote, t } from './words.js';
import { spokenOf } from './phrases.js';

/** Milliseconds between two drawings while photos are read, and of quiet before a result is read out. */
const DRAWING = 200;
const READING = 700;

const ranking = new Ranking($('ranking'));
let live = false;
/** @type {any} */
let timer = 0;
let finished = true;

/** @param {import('./rows.js').Rows} rows */
function drawRows({ entries, kind, note }) {
  ranking.show(entries, kind);
  $('ranking').hidden = !entries.length;
  say('unsure', note ?? '');
}

/** Some time soon, with what else has changed until then. */
export function drawSoon() {
  timer ||= setTimeout(drawNow, DRAWING);
}

/** With the sheet put in order. */
export function drawNow() {
  clearTimeout(timer);
  timer = 0;
  if (!$('sheet').hidden) arrange();
  draw();
}

export function draw() {
  if (live) return drawRun();
  const { answers, chips, current, library, run, sheet } = desk;
  drawRows(current ? rowsOfOne(current) : many() ? rowsOfMany(filterBy) : rowsWaiting());
  drawRest();
  if (!$('sheet').hidden) {
    sheet.refresh();
    drawSheetHead();
  }
  drawRun();
  busy();
  const done = many() && !run.running && chips.labels.length > 0 && library.photos.every(photo => photo.error || answers.of(photo));
  if (done && !finished) announce(t('allDone', { n: library.photos.length }), READING);
  finished = done || !many();
}

/** What the camera sees, until it is closed. @param {{ scores: ArrayLike<number>, answer: any } | null} seen */
export function drawLive(seen) {
  live = true;
  drawRows(seen ? rowsOf(seen.scores, seen.answer) : rowsWaiting());
  $('results').setAttribute('aria-busy', 'false');
  drawRest();
}
export const endLive = () => (live = false);

/** @param {string | null} filter @param {'unsure' | 'failed' | null} group the same once more: all */
function filterBy(filter, group) {
  const { view, sheet } = desk;
  const on = view.filter === filter && view.group === group;
  Object.assign(view, { filter: on ? null : filter, group: on ? null : group });
  arrange();
  draw();
  announce(t('photoCount', { n: sheet.photos.length }));
}

function busy() {
  const { asking, chips, current, library, models, run } = desk;
  const reading = current ? !current.error && !models.model?.vectors.has(current) : run.running;
  const asked = chips.labels.length > 0 && library.photos.length > 0;
  const waits = asking.updating || reading || asking.pending;
  $('results').setAttribute('aria-busy', String(asked && waits));
  if (asked && !waits && models.model) dispatchEvent(new Event('clip-answered'));
}

/** What stands below the answer whatever it is. */
export function drawRest() {
  const { chips, current, models, sheet } = desk;
  const { labels } = chips;
  $('empty').hidden = labels.length > 0 || models.model === null;
  $('rules').hidden = !many() || Boolean(current);
  const strangers = labels.filter(chips.isUnknown).map(({ name }) => quote(name));
  const listed = strangers.length > 3 ? t('unknownCount', { n: strangers.length }) : strangers.join(t('listAnd'));
  $('unknown-note').hidden = !strangers.length;
  $('unknown-text').textContent = strangers.length ? t('unknown', { n: strangers.length, list: listed }) : '';
  $('export-count').textContent = t('photoCount', { n: sheet.photos.length });
  $('privacy-text').textContent = t(navigator.onLine ? 'here' : 'offline');
}

function drawSheetHead() {
  const { library, sheet, view } = desk;
  const shown = sheet.photos.length;
  const all = library.photos.length;
  const what = view.search?.words ?? view.filter ?? (view.group ? t(view.group === 'failed' ? 'failed' : 'notSure') : '');
  const count = shown < all ? t('ofCount', { part: shown, all: t('photoCount', { n: all }) }) : t('photoCount', { n: all });
  $('sheet-title').textContent = what ? `${what} · ${count}` : count;
  $('show-all').hidden = !what;
  $('show-all').textContent = t(view.search && !view.filter && !view.group ? 'searchEnd' : 'showAll');
  $('nothing-fits').hidden = shown > 0;
}

export function drawRun() {
  const { asking, library, models, run } = desk;
  const { reading } = asking;
  const all = library.photos.length;
  const { model } = models;
  const done = many() ? library.photos.reduce((sum, photo) => sum + (photo.error || model?.vectors.has(photo) ? 1 : 0), 0) : 0;
  const open = many() && model !== null && done < all && (run.running || run.stopped);
  $('run').hidden = !open && !reading;
  $('run-stop').textContent = t(run.stopped ? 'resume' : 'stop');
  if ($('run').hidden) return;
  const at = reading ?? { done, all };
  $('run-text').textContent = `${t(reading ? 'readingLabels' : run.stopped ? 'stopped' : 'reading')}: ${t('progress', at)}`;
  const { rate } = run;
  const more = !reading && rate ? [t('rate', { n: about(rate) }), t('left', { time: duration((all - done) / rate) })] : [];
  $('run-more').textContent = more.join(' · ');
  $('run-bar').value = at.done / at.all;
  $('run-stop').hidden = Boolean(reading);
}

/** Reads the answer of the photo in view out, once it stands. */
export function tellCurrent() {
  const { asking, current } = desk;
  if (!current || asking.updating) return;
  if (current.error) {
    if (!$('no-preview').hidden) say('no-preview', t('noPicture'));
    return say('photo-trouble', explain(current.error, current.name));
  }
  const words = spokenOf(current);
  if (words) announce(words, READING);
}
