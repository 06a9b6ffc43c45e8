/** A photo in view, alone or as one of many: previous, next, back, and the focus where it belongs. */
import { $, announce, say } from './dom.js';
import { MOST_SHOWN } from './thumbs.js';
import { SIDE, tint } from './tint.js';
import { t } from './words.js';

export class Viewer {
  #url = '';
  #photo = null;
  #scroll = 0;
  #of = false;

  /** @param {{ list: () => any[], thumbs: import('./thumbs.js').Thumbs, onGo: (photo: any) => void, onBack: () => void, onLike: (photo: any) => void }} parts */
  constructor(parts) {
    Object.assign(this, parts);
    $('back').addEventListener('click', () => this.onBack());
    $('previous').addEventListener('click', () => this.#step(-1));
    $('next').addEventListener('click', () => this.#step(1));
    $('more-like').addEventListener('click', () => this.onLike(this.#photo));
    $('photo').addEventListener('load', () => this.#loaded());
    $('photo').addEventListener('error', () => {
      if (!this.#photo) return;
      $('photo').hidden = true;
      say('no-preview', t(this.#photo.error ? 'noPicture' : 'noPreview'));
    });
    addEventListener('keydown', event => this.#onKey(event));
  }

  /** @param {any} photo null for none @param {{ of: boolean, from: boolean }} where of: one of many; from: it was opened from the sheet */
  show(photo, { of, from }) {
    if (of && from) this.#scroll = scrollY;
    this.#photo = photo;
    this.#of = of && photo !== null;
    $('viewer-bar').hidden = !this.#of;
    URL.revokeObjectURL(this.#url);
    this.#url = photo ? URL.createObjectURL(photo.file) : '';
    $('photo').hidden = !photo;
    if (photo) Object.assign($('photo'), { src: this.#url, alt: photo.alt });
    else $('photo').removeAttribute('src');
    $('caption').textContent = photo?.name ?? '';
    say('no-preview', photo || !$('video').hidden ? '' : t('emptyStage'));
    say('photo-trouble', '');
    if (!this.#of) return;
    const list = this.list();
    const at = list.indexOf(photo);
    $('place').textContent = t('place', { at: at + 1, all: list.length });
    $('previous').disabled = at <= 0;
    $('next').disabled = at < 0 || at >= list.length - 1;
    announce(t('opened', { at: at + 1, all: list.length, name: photo.name }));
    if (from) {
      scrollTo(0, 0);
      $('print').focus({ preventScroll: true });
    } else if (document.activeElement === document.body) $('print').focus({ preventScroll: true }); // a button that was disabled lost it
  }

  /** The photo's header was read, and its size is known. */
  async #loaded() {
    const photo = this.#photo;
    const { naturalWidth, naturalHeight } = $('photo');
    if (naturalWidth * naturalHeight > MOST_SHOWN) {
      $('photo').hidden = true;
      $('photo').removeAttribute('src');
      return say('no-preview', t('tooLargeToShow'));
    }
    if (!photo) return;
    // a small one is made beside this thread; drawing the large one would stop it
    const small = await createImageBitmap(photo.file, { resizeWidth: SIDE, resizeHeight: SIDE, resizeQuality: 'low' }).catch(() => null);
    if (small && photo === this.#photo) tint(small, document.documentElement);
    small?.close();
  }

  /** Back to the sheet, where it was. @param {(() => void) | null} focus */
  close(focus) {
    this.#photo = null;
    this.#of = false;
    URL.revokeObjectURL(this.#url);
    this.#url = '';
    $('photo').removeAttribute('src');
    if (!focus) return;
    scrollTo(0, this.#scroll);
    focus();
  }

  #step(way) {
    const list = this.list();
    const next = list[list.indexOf(this.#photo) + way];
    if (next) this.onGo(next);
  }

  #onKey(event) {
    if (!this.#of || event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
    if (document.querySelector('dialog[open]') || event.target.closest?.('input, select, textarea, .chips')) return;
    if (event.key === 'Escape') this.onBack();
    else if (event.key === 'ArrowLeft') this.#step(-1);
    else if (event.key === 'ArrowRight') this.#step(1);
    else return;
    event.preventDefault();
  }
}
