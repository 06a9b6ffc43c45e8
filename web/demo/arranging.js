/** Which photos the sheet shows, in which order: what is filtered, sorted, searched. */
import { desk, groupOf } from './desk.js';
import { ORDERS } from './library.js';

/** @typedef {import('./library.js').Photo} Photo */

/** @param {Photo} photo */
function isShown(photo) {
  const { answers, view } = desk;
  if (view.group) return groupOf(photo) === view.group;
  if (view.filter === null) return true;
  return answers.of(photo)?.tags.some(at => answers.labels[at].name === view.filter) ?? false;
}

/** @returns {((a: Photo, b: Photo) => number) | null} null: as added */
function orderBy() {
  const { answers, library, view } = desk;
  const { model } = desk.models;
  /** @type {(photo: Photo) => number} */
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

/** What was wished for last. */
let arranged = { key: '', search: /** @type {any} */ (null) };

/** Puts the photos of the sheet in the order that is wished for. While photos are read, those that are there keep their places. */
export function arrange() {
  const { chips, library, run, sheet, view } = desk;
  const { search } = view;
  const key = JSON.stringify([{ ...view, search: null }, chips.labels.map(({ name }) => name)]);
  const rank = orderBy();
  let photos = library.photos.filter(isShown);
  if (rank && run.running && key === arranged.key && search === arranged.search) {
    const wanted = new Set(photos);
    const kept = sheet.photos.filter(photo => wanted.delete(photo));
    photos = [...kept, ...wanted];
  } else if (rank) photos = photos.sort(rank);
  arranged = { key, search };
  sheet.show(photos);
}
