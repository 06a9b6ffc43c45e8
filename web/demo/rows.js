/** What the ranking shows: the labels of one photo with their scores, how many of several photos have each, or labels that wait. */
import { desk, groupOf } from './desk.js';
import { number, percent, t } from './words.js';

/** @typedef {import('./ranking.js').Entry} Entry */
/** @typedef {{ entries: Entry[], kind: 'sure' | 'unsure' | 'waiting' | 'counts', note?: string }} Rows note: a sentence above them */

/** @returns {Rows} */
export function rowsWaiting() {
  const { chips } = desk;
  const entries = chips.labels.map(label => ({
    key: label.name,
    label: label.name,
    share: null,
    text: '',
    unknown: chips.isUnknown(label),
  }));
  return { entries, kind: 'waiting' };
}

/** @param {ArrayLike<number>} scores @param {import('./judge.js').Answer} answer @returns {Rows} */
export function rowsOf(scores, answer) {
  const { answers, chips } = desk;
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
  const kind = answer.kind === 'sure' ? 'sure' : 'unsure';
  if (labels.length === 1) return { entries, kind };
  return { entries, kind, note: answer.kind === 'none' ? t('none') : answer.kind === 'unsure' ? t('notSure') : '' };
}

/** @param {import('./library.js').Photo} photo @returns {Rows} */
export function rowsOfOne(photo) {
  const { answers, chips } = desk;
  const answer = answers.of(photo);
  const scores = answers.shownOf(photo);
  if (photo.error || !answer || !scores) return rowsWaiting();
  const same = answers.labels.length === chips.labels.length && answers.labels.every(({ name }, i) => name === chips.labels[i].name);
  if (same) return rowsOf(scores, answer);
  // until the answer to the present labels is there, the last one stands, less what was removed
  const here = new Set(chips.labels.map(({ name }) => name));
  const { entries, kind } = rowsOf(scores, answer);
  const known = entries.filter(({ key }) => here.delete(key));
  return { entries: [...known, ...rowsWaiting().entries.filter(({ key }) => here.has(key))], kind: known.length ? kind : 'waiting' };
}

/** Labels in the order in which they were shown last: it stays while photos are read. @type {string[]} */
let order = [];

/** @param {(filter: string | null, group: 'unsure' | 'failed' | null) => void} onPress @returns {Rows} */
export function rowsOfMany(onPress) {
  const { answers, chips, library, run, asking, view } = desk;
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
  if (!run.running && !asking.updating) order = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a));
  const unknown = new Set(chips.labels.filter(chips.isUnknown).map(({ name }) => name));
  /** @type {Entry[]} */
  const entries = order.map(name => ({
    key: name,
    label: name,
    share: known ? counts.get(name) / known : 0,
    text: number(counts.get(name)),
    unknown: unknown.has(name),
    onPress: () => onPress(name, null),
    pressed: view.filter === name,
  }));
  const group = (key, label, count) => ({
    key: `\n${key}`, // no label has a new line
    label,
    share: known ? count / library.photos.length : 0,
    text: number(count),
    quiet: true,
    onPress: () => onPress(null, key),
    pressed: view.group === key,
  });
  if (chips.labels.length) entries.push(group('unsure', t('notSure'), unsure));
  if (failed) entries.push(group('failed', t('failed'), failed));
  return { entries, kind: 'counts' };
}
