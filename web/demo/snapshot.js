/** One state of the page, as it is when somebody wishes to save it. */
import { desk, groupOf, rules } from './desk.js';

/** @param {boolean} selected only the photos that are selected @returns {import('./table.js').Snapshot} */
export function snapshotOf(selected) {
  const { answers, chips, library, models, sheet, view } = desk;
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
  // a filter cannot know yet of photos without an answer
  const unread = view.filter === null && !selected ? 0 : library.photos.filter(photo => groupOf(photo) === 'waiting').length;
  return {
    model: name,
    dtype,
    template: rules().template,
    labels: labels.map(label => ({ name: label.name, unknown: chips.isUnknown(label), examples: label.examples?.length ?? 0 })),
    least: view.least,
    several: view.several,
    filter: view.filter,
    missing: rows.filter(({ kind }) => kind === 'waiting').length + unread,
    rows,
  };
}
