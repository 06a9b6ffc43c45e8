/** The camera as a source that is ranked as it goes. Each picture is looked at once and let go; a tap freezes it. */
import { $, say } from './dom.js';
import { about, t } from './words.js';

/** Pictures are made small by the browser before they travel: models see no more. */
const SIDE = 384;

export class Camera {
  /** @type {MediaStream | null} */
  #stream = null;
  frozen = false;
  #times = [];

  /** @param {{ encode: (picture: ImageBitmap) => Promise<Float32Array>, onSeen: (vector: Float32Array) => void, onEnd: () => void }} parts */
  constructor(parts) {
    Object.assign(this, parts);
    $('freeze').addEventListener('click', () => this.freeze(!this.frozen));
    $('video').addEventListener('click', () => this.freeze(!this.frozen));
    $('live-end').addEventListener('click', () => this.end());
  }

  get live() {
    return this.#stream !== null;
  }

  /** @returns {Promise<boolean>} whether it is on */
  async start() {
    if (this.live) return true;
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: 'environment', width: { ideal: 1280 } },
        audio: false,
      });
    } catch (error) {
      say('photo-trouble', t(['NotFoundError', 'OverconstrainedError'].includes(error.name) ? 'liveMissing' : 'liveDenied'));
      return false;
    }
    for (const track of this.#stream.getTracks()) track.addEventListener('ended', () => this.end());
    $('video').srcObject = this.#stream;
    await $('video').play();
    this.freeze(false);
    this.#look();
    return true;
  }

  freeze(frozen) {
    if (!this.live) return;
    this.frozen = frozen;
    if (frozen) $('video').pause();
    else $('video').play();
    $('freeze').textContent = t(frozen ? 'goOn' : 'freeze');
    this.#times = [];
  }

  end() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    $('video').srcObject = null;
    this.onEnd();
  }

  async #look() {
    const video = $('video');
    const stream = this.#stream;
    while (this.#stream === stream && stream) {
      if (this.frozen || !video.videoWidth || document.hidden) {
        await new Promise(resolve => setTimeout(resolve, 60));
        continue;
      }
      const scale = SIDE / Math.min(video.videoWidth, video.videoHeight);
      const size =
        scale < 1 ? { resizeWidth: Math.round(video.videoWidth * scale), resizeHeight: Math.round(video.videoHeight * scale) } : {};
      try {
        const picture = await createImageBitmap(video, size);
        const vector = await this.encode(picture);
        picture.close();
        if (this.#stream !== stream || this.frozen) continue;
        this.#times.push(performance.now());
        if (this.#times.length > 24) this.#times.shift();
        this.onSeen(vector);
        if (this.#times.length > 3) {
          const rate = ((this.#times.length - 1) * 1000) / (this.#times.at(-1) - this.#times[0]);
          $('live-rate').textContent = t('liveRate', { n: about(rate) });
        }
      } catch {
        await new Promise(resolve => setTimeout(resolve, 200)); // the model changes, or the camera is not ready
      }
    }
  }
}
