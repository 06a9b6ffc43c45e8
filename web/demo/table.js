/** What is saved, as text: a table for spreadsheets, JSON for programs. Made of a snapshot, so that it is of one state. */
import { csvLine } from '../api/csv.js';

/**
 * @typedef {object} Snapshot one state of the page, as it was when somebody wished to save it
 * @property {string} model @property {string} dtype @property {string} template
 * @property {{ name: string, unknown: boolean, examples: number }[]} labels
 * @property {number} least below it nothing is sure @property {boolean} several @property {string | null} filter
 * @property {number} missing photos that had no answer yet
 * @property {Row[]} rows
 * @typedef {object} Row
 * @property {any} photo @property {string} file @property {string} folder
 * @property {'sure' | 'unsure' | 'none' | 'waiting' | 'failed'} kind
 * @property {string} label the best one @property {number | null} score @property {boolean} unknown @property {string[]} tags
 * @property {(number | null)[]} scores of every label @property {string} error
 */

const yes = value => (value ? 'yes' : 'no');
const digits = score => (score === null ? '' : score.toFixed(6));

/** With a byte order mark: without it Excel takes Korean for something else. @param {Snapshot} snapshot */
export function csvOf({ model, dtype, template, labels, rows }) {
  const head = ['folder', 'file', 'label', 'score', 'unsure', 'unknown', 'tags', 'model', 'template'];
  const lines = [[...head, ...labels.map(({ name }) => name)]];
  for (const { folder, file, kind, label, score, unknown, tags, scores, error } of rows) {
    const known = kind !== 'waiting' && kind !== 'failed';
    lines.push([
      folder,
      file,
      known ? label : kind === 'failed' ? `error: ${error}` : 'not read yet',
      digits(score),
      known ? yes(kind !== 'sure') : '',
      known ? yes(unknown) : '',
      tags.join('; '),
      `${model} ${dtype}`,
      template,
      ...scores.map(digits),
    ]);
  }
  return `\ufeff${lines.map(csvLine).join('')}`;
}

/** @param {Snapshot} snapshot */
export function jsonOf({ model, dtype, template, labels, least, several, filter, missing, rows }) {
  const photos = rows.map(({ folder, file, kind, label, score, unknown, tags, scores, error }) => ({
    file: folder + file,
    ...(kind === 'failed'
      ? { error }
      : kind === 'waiting'
        ? { error: 'not read yet' }
        : { label, score, unsure: kind !== 'sure', unknown, tags }),
    ...(score === null ? {} : { scores: Object.fromEntries(labels.map(({ name }, i) => [name, scores[i]])) }),
  }));
  const about = { model, dtype, template, least, several, filter, whole: missing === 0, missing };
  return `${JSON.stringify({ ...about, labels, photos }, null, 1)}\n`;
}
