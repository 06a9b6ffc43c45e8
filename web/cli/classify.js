/** classify: what is in photos, one or thousands, as text, CSV or JSON; and putting them into folders, or words into sidecars. */
import { splitLabels } from '../api/labels.js';
import { csvLine } from '../api/csv.js';
import { findPhotos, isAddress } from './photos.js';
import { Sorter } from './sort.js';
import { Usage, finishProgress, say, wholeNumber } from './terminal.js';
import { forEach, load } from './work.js';
import { writeSidecar } from './xmp.js';

/** @typedef {{ label: string, score: number, unknown: boolean }} Marked */
/** @typedef {{ labels?: string[], 'no-split'?: boolean, template?: string[], top?: string, json?: boolean, jsonl?: boolean, csv?: boolean,
 *  threshold?: string, 'sort-into'?: string, link?: boolean, xmp?: boolean, from?: string[], model?: string, dtype?: string,
 *  threads?: string, workers?: string }} Values */

/** @param {string[]} strangers labels @param {import('../index.js').ClipInfo} info of the model that does not know them */
function warningOf(strangers, { name, concepts }) {
  const [few, more] = [strangers.slice(0, 3), strangers.length - 3];
  const which = few.map(label => JSON.stringify(label)).join(', ') + (more > 0 ? ` and ${more} more` : '');
  const [are, scores] = strangers.length > 1 ? ['are', 'their scores are guesses'] : ['is', 'its score is a guess'];
  const words = concepts ? `the ${concepts.length} words that ${name} was taught` : `what ${name} was taught`;
  return `${which} ${are} not among ${words}: ${scores}, not knowledge.`;
}

/** @param {string | undefined} text */
function thresholdOf(text) {
  if (text === undefined) return 0;
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1))
    throw new Usage(`--threshold is a number from 0 to 1, not ${JSON.stringify(text)}`);
  return value;
}

/** @param {string} text */
const write = text => void process.stdout.write(text);

/**
 * How results are written, each as it comes. `all` is a ranking of all labels, `shown` what of it is asked for.
 * @param {Values} values @param {string[]} labels
 * @returns {{ begin?: () => void, photo: (file: string, shown: Marked[], all: Marked[]) => void, end?: () => void }}
 */
function writerOf({ json, jsonl, csv, top }, labels) {
  if (jsonl) return { photo: (file, shown) => write(`${JSON.stringify({ file, labels: shown })}\n`) };
  if (csv) {
    // the same columns as the page's; with --top only the best label
    const columns = top === undefined ? labels : [];
    return {
      begin: () => write(csvLine(['file', 'label', 'score', ...columns])),
      photo: (file, [best], all) => {
        const by = new Map(all.map(({ label, score }) => [label, score.toFixed(6)]));
        write(csvLine([file, best?.label ?? '', best?.score.toFixed(6) ?? '', ...columns.map(label => by.get(label) ?? '')]));
      },
    };
  }
  if (json) {
    let count = 0;
    return {
      photo: (file, shown) => write(`${count++ ? ',' : '['}\n${JSON.stringify({ file, labels: shown }, null, 1).replace(/^/gm, ' ')}`),
      end: () => write(count ? '\n]\n' : '[]\n'),
    };
  }
  const line = (/** @type {Marked} */ { label, score, unknown }) =>
    `  ${score.toFixed(4)}  ${label}${unknown ? '  (not among the words this model knows)' : ''}\n`;
  return { photo: (file, shown) => write(`${file}\n${shown.map(line).join('')}`) };
}

/** @param {Values} values @param {string[]} names */
export async function classify(values, names) {
  const { from = [], template } = values;
  if (!names.length && !from.length) throw new Usage('classify needs a photo, a folder or a list');
  if (!values.labels) throw new Usage('classify needs --labels');
  if ([values.json, values.jsonl, values.csv].filter(Boolean).length > 1) throw new Usage('--json, --jsonl and --csv exclude each other');
  const labels = [...new Set(values['no-split'] ? values.labels : values.labels.flatMap(splitLabels))];
  const top = wholeNumber(values.top, '--top');
  const threshold = thresholdOf(values.threshold);
  let problems = 0;
  const photos = findPhotos(names, from, problem => {
    say(problem);
    problems = 1;
  });
  const sorter = values['sort-into'] === undefined ? null : new Sorter(values['sort-into'], values.link ?? false);
  const writer = writerOf(values, labels);

  const clip = await load(values);
  const unknown = await Promise.all(labels.map(label => clip.isUnknown(label)));
  const strangers = new Set(labels.filter((_, i) => unknown[i]));
  writer.begin?.();
  const status = await forEach(
    'looking at',
    photos,
    signal => clip.classifyEach(photos, labels, { template, signal }),
    async ({ ranking }, file) => {
      const all = /** @type {import('../session/session.js').Score[]} */ (ranking).map(({ label, score }) => ({
        label,
        score,
        unknown: strangers.has(label),
      }));
      const shown = all.filter(({ score }) => score >= threshold).slice(0, top);
      writer.photo(file, shown, all);
      if (isAddress(file) || !shown.length) return;
      try {
        if (values.xmp) writeSidecar(file, values.threshold === undefined ? [shown[0].label] : shown.map(({ label }) => label));
        sorter?.put(file, shown[0].label);
      } catch (error) {
        say(/** @type {Error} */ (error).message);
        problems = 1;
      }
    },
  );
  writer.end?.();
  finishProgress();
  if (!photos.length) say('there are no photos there');
  if (strangers.size) say(warningOf([...strangers], clip.info));
  clip.dispose();
  return status || problems;
}
