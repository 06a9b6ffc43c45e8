/**
 * From cosines to answers. Of several labels the best is named, with its share (softmax) or, where each is asked by itself, with the
 * probability that it fits (sigmoid). What is below the threshold, or said with a word that the model was not taught, is not sure.
 */

/**
 * @typedef {{ scale: number, bias: number | null }} Calibration of the model: logits are scale * cosine; with a bias, their sigmoid is
 *   the probability of a label by itself
 * @typedef {{ factor: number, offset: number }} Line logit = factor * cosine + offset
 * @typedef {{ kind: 'sure' | 'unsure' | 'none', best: number, score: number, tags: number[] }} Answer best: the label's place; tags: of
 *   those that fit, best first
 */

export const sigmoid = x => 1 / (1 + Math.exp(-x));

/** In place. @param {Float32Array | Float64Array} logits */
export function softmax(logits) {
  let largest = -Infinity;
  for (const x of logits) if (x > largest) largest = x;
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += logits[i] = Math.exp(logits[i] - largest);
  for (let i = 0; i < logits.length; i++) logits[i] /= sum;
  return logits;
}

/** @param {ArrayLike<number>} values */
export function logSumExp(values) {
  const largest = Math.max(...Array.from(values));
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i] - largest);
  return largest + Math.log(sum);
}

const meanOf = values => {
  let sum = 0;
  for (const x of values) sum += x;
  return values.length ? sum / values.length : 0;
};

/**
 * The line from cosines to logits for labels made of photos. Photos are nearer to photos than to words (Liang et al. 2022), so these
 * cosines are set against what is usual here: an average photo gets what an average label has, a photo as alike as the examples are
 * among themselves gets what a best label has.
 * @param {Float32Array} column cosines of all photos with the label @param {number} self of the examples, each with the rest
 * @param {{ usual: number, best: number } | null} words logits of labels that are words, null where there are none
 * @returns {Line}
 */
export function lineOfExamples(column, self, words) {
  const usual = meanOf(column);
  const way = Math.max(self - usual, 0.05);
  const { usual: low, best: high } = words ?? { usual: 0, best: 8 };
  const factor = Math.max(high - low, 4) / way;
  return { factor, offset: low - factor * usual };
}

/** How alike examples are: the mean cosine of each with the middle of the others. @param {Float32Array[]} vectors of length 1 */
export function alikeness(vectors) {
  const count = vectors.length;
  if (count < 2) return 0.85;
  const width = vectors[0].length;
  const sum = new Float32Array(width);
  for (const vector of vectors) for (let i = 0; i < width; i++) sum[i] += vector[i];
  let total = 0;
  for (const vector of vectors) {
    let [dot, squares] = [0, 0];
    for (let i = 0; i < width; i++) {
      const other = sum[i] - vector[i];
      dot += other * vector[i];
      squares += other * other;
    }
    total += dot / Math.sqrt(squares);
  }
  return total / count;
}

/**
 * @param {Float32Array | Float64Array} scores of each label, a share or a probability @param {boolean[]} unknown
 * @param {{ least: number, several: boolean, fits: (at: number) => boolean }} rules fits: whether a best label fits at all
 * @returns {Answer}
 */
export function answerOf(scores, unknown, { least, several, fits }) {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if (scores[i] > scores[best]) best = i;
  const tags = several
    ? [...scores.keys()].filter(i => scores[i] >= least && !unknown[i]).sort((a, b) => scores[b] - scores[a])
    : scores[best] >= least && !unknown[best] && fits(best)
      ? [best]
      : [];
  const none = !tags.length && (several || !fits(best));
  return { kind: tags.length ? 'sure' : none ? 'none' : 'unsure', best: tags[0] ?? best, score: scores[tags[0] ?? best], tags };
}
