/** The answers of all photos to the present labels: one pass over the embeddings, and only over new ones when photos were added. */
import { alikeness, answerOf, lineOfExamples, sigmoid, softmax } from './judge.js';
import { meanOf } from './vectors.js';

/** @typedef {import('./judge.js').Answer} Answer */
/** @typedef {import('./labels.js').Label} Label */
/** @typedef {import('./model.js').Model} Model */
/** @typedef {{ template: string, least: number, several: boolean }} Rules */

/** Milliseconds of work before other things get their turn. */
const SLICE = 8;
const pause = () => new Promise(resolve => setTimeout(resolve));

export class Answers {
  /** @type {Label[]} */
  labels = [];
  /** @type {Map<any, Answer>} */
  #of = new Map();
  /** @type {Model | null} */
  #model = null;
  /** @type {Rules} */
  #rules = { template: '{}', least: 0.5, several: false };
  #unknown = [];
  #queries = [];
  #broad = [];
  /** @type {{ factor: number, offset: number, low: number, span: number }[]} */
  #lines = [];
  #turn = 0;

  /** @returns {Answer | null} */
  of(photo) {
    return this.#of.get(photo) ?? null;
  }

  clear() {
    this.#turn++;
    this.#of = new Map();
    this.labels = [];
  }

  /** Whether labels are asked each by itself. */
  get alone() {
    return this.labels.length === 1 || this.#rules.several;
  }

  /** Texts that must have been read before update. @param {Model} model @param {Label[]} labels @param {Rules} rules */
  static textsOf(model, labels, { template, several }) {
    const words = labels.filter(label => !label.examples).map(label => template.split('{}').join(label.name));
    const alone = labels.length === 1 || several;
    return {
      words,
      broad: alone
        ? model.broad(
            template,
            labels.map(label => label.name),
          )
        : [],
    };
  }

  /** Answers all photos anew. @param {Model} model @param {Label[]} labels @param {Rules} rules @param {any[]} photos
   *  @returns {Promise<boolean>} false: overtaken by a later call */
  async update(model, labels, rules, photos) {
    const turn = ++this.#turn;
    const { vectors } = model;
    const { broad } = Answers.textsOf(model, labels, rules);
    const examples = labels.map(label => label.examples?.map(photo => vectors.of(photo)).filter(Boolean) ?? null);
    const used = labels.map((label, i) => !label.examples || examples[i].length > 0);
    const present = labels.filter((_, i) => used[i]);
    const queries = labels.map((label, i) =>
      label.examples ? used[i] && meanOf(examples[i]) : model.known(rules.template.split('{}').join(label.name)),
    );
    const wanted = queries.filter(Boolean);
    const against = broad.map(text => model.known(text));
    vectors.keep(new Set([...wanted, ...against, ...this.kept]));
    await vectors.compare([...wanted, ...against]);
    if (turn !== this.#turn) return false;
    this.labels = present;
    this.#model = model;
    this.#rules = rules;
    this.#queries = wanted;
    this.#broad = against;
    this.#unknown = present.map(label => !label.examples && model.isUnknown(label.name));
    this.#lines = linesOf(
      model,
      present,
      wanted,
      examples.filter((_, i) => used[i]),
    );
    const answers = new Map();
    if (!(await this.#answer(photos, answers, turn))) return false;
    this.#of = answers;
    return true;
  }

  /** Answers photos that were read since. @param {any[]} photos */
  async extend(photos) {
    if (!this.#model || !this.labels.length) return;
    const turn = this.#turn;
    await this.#model.vectors.compare([...this.#queries, ...this.#broad]);
    if (turn === this.#turn) await this.#answer(photos, this.#of, turn);
  }

  /** Queries of others, whose columns are kept too. @type {Float32Array[]} */
  kept = [];

  async #answer(photos, answers, turn) {
    const { vectors } = this.#model;
    const columns = this.#queries.map(query => vectors.column(query));
    const against = this.#broad.map(query => vectors.column(query));
    let since = performance.now();
    for (const [i, photo] of photos.entries()) {
      const row = vectors.rowOf(photo);
      if (row === undefined || columns.some(column => row >= column.length)) continue;
      answers.set(
        photo,
        this.#judge(
          this.#scores(
            columns.map(column => column[row]),
            against.map(column => column[row]),
          ),
        ),
      );
      if (i % 64 || performance.now() - since < SLICE) continue;
      await pause();
      if (turn !== this.#turn) return false;
      since = performance.now();
    }
    return true;
  }

  /** @param {number[]} cosines of the labels @param {number[]} broad of the broad words */
  #scores(cosines, broad) {
    const model = this.#model;
    const logits = Float64Array.from(cosines, (cosine, j) => this.#lines[j].factor * cosine + this.#lines[j].offset);
    if (!this.alone) return { scores: softmax(logits.slice()), odds: this.#oddsOf(logits, []) };
    const odds = this.#oddsOf(
      logits,
      broad.map(cosine => model.scale * cosine),
    );
    return { scores: odds.map(sigmoid), odds };
  }

  #oddsOf(logits, broad) {
    return logits.map((logit, j) => {
      const { low, span } = this.#lines[j];
      if (this.labels[j].examples) return 6 * ((logit - low) / span - 0.5);
      return broad.length || this.#model.bias !== null ? this.#model.odds(logit, broad) : 0;
    });
  }

  #judge({ scores, odds }) {
    const { least, several } = this.#rules;
    const fits = at => this.#model.bias === null || odds[at] >= 0;
    return answerOf(scores, this.#unknown, { least, several, fits });
  }

  /** @returns {{ scores: Float64Array, odds: any } | null} */
  #resultOf(photo) {
    const row = this.#model?.vectors.rowOf(photo);
    if (row === undefined || !this.#of.has(photo)) return null;
    const { vectors } = this.#model;
    return this.#scores(
      this.#queries.map(query => vectors.column(query)[row]),
      this.#broad.map(query => vectors.column(query)[row]),
    );
  }

  /** Scores of every label for a photo, null while it is not answered. @returns {Float64Array | null} */
  scoresOf(photo) {
    return this.#resultOf(photo)?.scores ?? null;
  }

  /** What is shown of them: where no label fits, how probable each is by itself, and not its share among them.
   *  @returns {Float64Array | null} */
  shownOf(photo) {
    const result = this.#resultOf(photo);
    return result && this.#shown(result, this.of(photo));
  }

  #shown({ scores, odds }, answer) {
    return answer?.kind === 'none' ? odds.map(sigmoid) : scores;
  }

  /** The answer for a picture that is not kept. @param {Float32Array} vector of length 1 */
  ask(vector) {
    if (!this.labels.length) return null;
    const cosine = query => query.reduce((sum, x, i) => sum + x * vector[i], 0);
    const result = this.#scores(this.#queries.map(cosine), this.#broad.map(cosine));
    const answer = this.#judge(result);
    return { scores: this.#shown(result, answer), answer };
  }
}

/** Lines from cosines to logits: the model's scale for words; for labels made of photos what fits beside them. */
function linesOf(model, labels, queries, examples) {
  const { scale, vectors } = model;
  const columns = queries.map(query => vectors.column(query));
  const words = columns.filter((_, j) => !labels[j].examples);
  let usual = null;
  const rows = Math.min(...columns.map(column => column.length)); // more may have been read meanwhile
  if (words.length && rows && labels.some(label => label.examples)) {
    let [sum, top] = [0, 0];
    for (let row = 0; row < rows; row++) {
      let best = -Infinity;
      for (const column of words) {
        sum += column[row];
        if (column[row] > best) best = column[row];
      }
      top += best;
    }
    usual = { usual: (scale * sum) / (rows * words.length), best: (scale * top) / rows };
  }
  return labels.map((label, j) => {
    if (!label.examples) return { factor: scale, offset: 0, low: 0, span: 1 };
    const line = lineOfExamples(columns[j], alikeness(examples[j]), usual);
    return { ...line, low: usual?.usual ?? 0, span: Math.max((usual?.best ?? 8) - (usual?.usual ?? 0), 4) };
  });
}
