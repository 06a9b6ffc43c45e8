/** The sheet of several photos, each with its best label; and the table of them that can be saved. */
import { explain, percent, shorten } from './words.js';

/** Pixels; twice what is shown, for sharp screens. */
const THUMB = 360;
/** Decoding is the browser's own work, off this thread; two at a time leave room for the model. */
const AT_ONCE = 2;
const AT_A_TIME = 16;

export class Tiles {
  #tiles = new Map();
  #waiting = [];
  #running = 0;

  /** @param {HTMLElement} list @param {(photo: any) => void} onOpen */
  constructor(list, onOpen) {
    this.list = list;
    this.onOpen = onOpen;
  }

  /** @param {any[]} photos */
  set(photos) {
    this.#waiting = [];
    for (const [photo, tile] of this.#tiles) {
      if (photos.includes(photo)) continue;
      tile.remove();
      this.#tiles.delete(photo);
    }
    this.#grow(photos.filter(photo => !this.#tiles.has(photo)));
  }

  /** Adds tiles some at a time: thousands at once would hold up the page. */
  async #grow(photos) {
    const mine = (this.growing = {});
    for (let at = 0; at < photos.length && this.growing === mine; at += AT_A_TIME) {
      for (const photo of photos.slice(at, at + AT_A_TIME)) this.#add(photo);
      this.#draw();
      await new Promise(resolve => setTimeout(resolve));
    }
  }

  /** Shows what is known of a photo now. */
  update(photo) {
    const tile = this.#tiles.get(photo);
    if (!tile) return;
    const [label, score] = tile.querySelectorAll('.tile-label, .tile-score');
    const best = photo.scores?.[0];
    tile.classList.toggle('failed', Boolean(photo.error));
    tile.classList.toggle('waiting', !best && !photo.error);
    label.textContent = photo.error ? 'cannot be read' : (best?.label ?? '…');
    label.title = photo.error ? explain(photo.error, photo.name) : (best?.label ?? '');
    score.textContent = best ? percent(best.score) : '';
  }

  /** Puts the cursor on a photo's tile. */
  focus(photo) {
    this.#tiles.get(photo)?.querySelector('button').focus();
  }

  #add(photo) {
    const tile = document.createElement('li');
    tile.innerHTML = `<button type="button"><canvas width="4" height="3" aria-hidden="true"></canvas><span class="tile-name visually-hidden"></span>
      <span class="tile-text"><span class="tile-label"></span> <span class="tile-score"></span></span></button>`;
    tile.querySelector('.tile-name').textContent = `${shorten(photo.name)}: `;
    tile.querySelector('button').title = photo.name;
    tile.querySelector('button').addEventListener('click', () => this.onOpen(photo));
    this.#tiles.set(photo, tile);
    this.list.append(tile);
    this.#waiting.push(photo);
    this.update(photo);
  }

  async #draw() {
    while (this.#running < AT_ONCE && this.#waiting.length) {
      const photo = this.#waiting.shift();
      this.#running++;
      const bitmap = await createImageBitmap(photo.file, { resizeWidth: THUMB, resizeQuality: 'medium' }).catch(() => null);
      const canvas = this.#tiles.get(photo)?.querySelector('canvas');
      if (bitmap && canvas) {
        Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
        canvas.getContext('bitmaprenderer').transferFromImageBitmap(bitmap);
      }
      this.#running--;
    }
  }
}

/** A cell as spreadsheets read it; a leading sign would make them take a file's name for a formula. */
function cell(value) {
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One line a photo: its name, its best label and score, then the score of every label. */
export function csvOf(photos, labels) {
  const lines = [['file', 'label', 'score', ...labels]];
  for (const { name, scores, error } of photos) {
    if (!scores) lines.push([name, error ? `error: ${error.code ?? 'unknown'}` : '', '', ...labels.map(() => '')]);
    else {
      const by = new Map(scores.map(({ label, score }) => [label, score]));
      lines.push([name, scores[0].label, scores[0].score.toFixed(6), ...labels.map(label => by.get(label)?.toFixed(6) ?? '')]);
    }
  }
  return `${lines.map(line => line.map(cell).join(',')).join('\r\n')}\r\n`;
}

/** The shape that the command line's --json has. */
export const jsonOf = photos =>
  `${JSON.stringify(
    photos.map(({ name, scores, error }) => ({
      file: name,
      ...(scores ? { labels: scores } : { error: error?.message ?? 'not classified' }),
    })),
    null,
    1,
  )}\n`;

/** @param {string} text @param {string} name @param {string} type */
export function save(text, name, type) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  Object.assign(document.createElement('a'), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
