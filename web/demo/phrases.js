/** Answers in words: on a tile, and read out. */
import { desk } from './desk.js';
import { explain, percent, roughly, t } from './words.js';

/** What a tile says of its photo. @param {import('./library.js').Photo} photo
 *  @returns {{ text: string, score: string, kind: string, spoken: string, title: string }} */
export function tileOf(photo) {
  const { answers, chips } = desk;
  const { name, folder, error } = photo;
  const title = folder + name;
  if (error) return { text: t('cannotRead'), score: '', kind: 'failed', spoken: t('tileFailed', { name }), title: explain(error, name) };
  const answer = answers.of(photo);
  if (!answer) return { text: chips.labels.length ? '…' : name, score: '', kind: 'waiting', spoken: t('tileWaiting', { name }), title };
  const label = answer.tags.length ? answer.tags.map(at => answers.labels[at].name).join(', ') : answers.labels[answer.best].name;
  const score = percent(answer.score);
  if (answer.kind === 'none') return { text: t('none'), score: '', kind: 'none', spoken: t('tileNone', { name }), title };
  const sure = answer.kind === 'sure';
  return {
    text: sure ? label : `${label}?`,
    score: roughly(answer.score),
    kind: answer.kind,
    spoken: t(sure ? 'tileAnswer' : 'tileUnsure', { name, label, score }),
    title: chips.isUnknown(answers.labels[answer.best]) ? `${title}\n${t('unknownTile', { label })}` : title,
  };
}

/** What is read out of a photo's answer. @param {import('./library.js').Photo} photo @returns {string} '' while there is none */
export function spokenOf(photo) {
  const { answers } = desk;
  const answer = answers.of(photo);
  const scores = answers.scoresOf(photo);
  if (!answer || !scores) return '';
  const named = at => ({ label: answers.labels[at].name, score: percent(scores[at]) });
  if (scores.length === 1) return t(answer.kind === 'sure' ? 'oneYes' : 'oneNo', named(0));
  if (answer.kind === 'none') return t('none');
  const [first, second] = [...scores.keys()].sort((a, b) => scores[b] - scores[a]).map(named);
  if (answer.kind === 'unsure') return t('notSurePerhaps', first);
  return t('thenSecond', { first: first.label, score: first.score, second: second.label, other: second.score });
}
