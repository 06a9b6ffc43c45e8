/** The page as `npm start` serves it, in a browser: opening it, giving it photos and labels, waiting for its answers. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { serve } from '../../../build/serve.mjs';
import { FIREFOX, ROOT, startBrowser } from './chromium.js';

const { resolve } = createRequire(import.meta.url);
const AXE = createRequire(resolve('@axe-core/playwright')).resolve('axe-core/axe.min.js');

export const samples = JSON.parse(await readFile(join(ROOT, 'weights/samples/index.json'), 'utf8'));
export const sample = name => samples.find(({ file }) => file.startsWith(name));
export const pathOf = name => join(ROOT, 'weights/samples', sample(name).file);
export const bytesOf = async name => [...(await readFile(pathOf(name)))];

/**
 * A browser and a site for a file of tests.
 * @param {{ headers?: Record<string, string>, onRequest?: any, args?: string[] }} [options]
 */
export async function startPage({ headers, onRequest, args } = {}) {
  const browser = await startBrowser(args);
  const site = await serve({ root: join(ROOT, 'web'), mounts: { '/weights/': join(ROOT, 'weights') }, headers, onRequest });
  return {
    browser,
    site,
    /** The page, opened; ready: once the model has ranked the first sample. */
    async open({ size = { width: 1200, height: 800 }, colors = 'light', query = '', ready = true, before = undefined } = {}) {
      const page = await browser.context.newPage();
      const complaints = /** @type {string[]} */ ([]);
      const requests = /** @type {string[]} */ ([]);
      page.on('pageerror', error => complaints.push(error.message));
      page.on('console', message => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
      page.on('request', request => requests.push(request.url()));
      await page.setViewportSize(size);
      await page.emulateMedia({ colorScheme: /** @type {'light' | 'dark'} */ (colors), reducedMotion: 'reduce' });
      if (before) await page.addInitScript(before);
      await page.route('**/weights/models.json', route => route.fulfill({ json: { models: [] } }));
      await page.goto(`${site.url}demo/${query}`);
      if (ready) await settled(page, samples[0].labels.length);
      return Object.assign(page, { complaints, requests });
    },
    async closePages() {
      // Chromium's first page was there before
      for (const page of browser.context.pages().slice(FIREFOX ? 0 : 1)) await page.close();
    },
    async close() {
      await browser?.close();
      await site?.close();
    },
  };
}

/** Waits until `count` labels have scores, and answers them as they stand. */
export async function settled(page, count) {
  await page.waitForFunction(
    count => {
      const scores = [...document.querySelectorAll('#ranking li:not(.quiet) .score')];
      return (
        document.getElementById('results').getAttribute('aria-busy') === 'false' &&
        scores.length === count &&
        scores.every(one => one.textContent)
      );
    },
    count,
    { timeout: 30_000 },
  );
  return page.$$eval('#ranking li:not(.quiet)', rows =>
    rows.map(row => [row.querySelector('.label').textContent, row.querySelector('.score').textContent]),
  );
}

export const shown = (page, text) => page.getByText(text).first().waitFor({ state: 'visible', timeout: 15_000 });

/** Sends an event with files to the page, as the browser does for a drop or a paste. */
export const give = (page, type, files) =>
  page.evaluate(
    ({ type, files }) => {
      const transfer = new DataTransfer();
      for (const { bytes, name, mime } of files) transfer.items.add(new File([new Uint8Array(bytes)], name, { type: mime }));
      const options = { bubbles: true, cancelable: true };
      const event = type === 'paste' ? new ClipboardEvent('paste', options) : new DragEvent(type, { dataTransfer: transfer, ...options });
      // Firefox lets nobody put files into a paste
      if (type === 'paste') Object.defineProperty(event, 'clipboardData', { value: transfer });
      document.body.dispatchEvent(event);
    },
    { type, files },
  );

/** Pastes a text into the field for labels. */
export const pasteText = (page, text) =>
  page.evaluate(text => {
    const transfer = new DataTransfer();
    transfer.setData('text/plain', text);
    const event = new ClipboardEvent('paste', { bubbles: true, cancelable: true });
    Object.defineProperty(event, 'clipboardData', { value: transfer });
    document.getElementById('label-input').dispatchEvent(event);
  }, text);

export async function setLabels(page, text) {
  await page.evaluate(() => document.querySelector('.chip') && document.getElementById('clear').click()); // at once: chips may be about to go
  await page.fill('#label-input', text);
  await page.press('#label-input', 'Enter');
}

/** Photos that the page draws itself, cheap to make and each different: `count` files, as if they were chosen. */
export const drawPhotos = (page, count, { width = 320, height = 240, folder = '' } = {}) =>
  page.evaluate(
    async ({ count, width, height, folder }) => {
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext('2d');
      const transfer = new DataTransfer();
      for (let i = 0; i < count; i++) {
        context.fillStyle = `hsl(${(i * 47) % 360} 60% ${30 + (i % 5) * 10}%)`;
        context.fillRect(0, 0, width, height);
        context.fillStyle = `hsl(${(i * 83) % 360} 70% 60%)`;
        context.beginPath();
        context.arc(width / 2, height / 2, 20 + (i % 9) * 9, 0, 7);
        context.fill();
        const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.8 });
        transfer.items.add(new File([blob], `${folder}photo-${i + 1}.jpg`, { type: 'image/jpeg', lastModified: i }));
      }
      const input = /** @type {HTMLInputElement} */ (document.getElementById('choose'));
      input.files = transfer.files;
      input.dispatchEvent(new Event('change'));
    },
    { count, width, height, folder },
  );

/** Waits for a run to begin, and stops it in the same breath. Begin to wait before the run does. */
export const stopRun = page =>
  page.waitForFunction(() => {
    const button = document.getElementById('run-stop');
    if (document.getElementById('run').hidden || button.hidden || /^Resume|^계속/.test(button.textContent)) return false;
    button.click();
    return true;
  });

/** Waits until every photo has its answer. Of the tiles only those near the screen exist, on a phone perhaps none. */
export const answered = (page, count) =>
  page.waitForFunction(
    count =>
      document.getElementById('results').getAttribute('aria-busy') === 'false' &&
      document.getElementById('run').hidden &&
      Number(document.getElementById('sheet-title').textContent.replace(/\D/g, '')) === count &&
      !document.querySelector('#tiles [data-kind="waiting"]'),
    count,
    { timeout: 60_000 },
  );

/** Everything that axe finds against WCAG 2.2 AA. Through evaluate, which the page's policy lets pass. */
export async function audit(page) {
  await page.evaluate(await readFile(AXE, 'utf8'));
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }),
  );
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join('; ')}`);
}

/** Waits for what a press saves, and reads it. @returns {Promise<{ name: string, bytes: Buffer }>} */
export async function savedFile(page, button) {
  if (!FIREFOX) {
    const [download] = await Promise.all([page.waitForEvent('download'), page.click(button)]);
    return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
  }
  // Firefox tells nobody of downloads by BiDi: what would be saved is taken where it is handed over
  await page.evaluate(() => {
    globalThis.handed = null;
    const { createObjectURL } = URL;
    const blobs = new Map();
    URL.createObjectURL = blob => {
      const url = createObjectURL.call(URL, blob);
      blobs.set(url, blob);
      return url;
    };
    HTMLAnchorElement.prototype.click = function () {
      globalThis.handed = { name: this.download, blob: blobs.get(this.href) };
    };
  });
  await page.click(button);
  await page.waitForFunction(() => globalThis.handed !== null);
  const { name, bytes } = await page.evaluate(async () => ({
    name: globalThis.handed.name,
    bytes: [...new Uint8Array(await globalThis.handed.blob.arrayBuffer())],
  }));
  return { name, bytes: Buffer.from(bytes) };
}

/** The same, as text. @returns {Promise<string>} */
export const saved = async (page, button) => (await savedFile(page, button)).bytes.toString('utf8');
