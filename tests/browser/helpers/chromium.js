/** A browser, Chromium unless CLIP_BROWSER says firefox, a server of this repository, and pages that import the package from it. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, firefox } from 'playwright-core';
import { ISOLATION, serve } from '../../../build/serve.mjs';

/** Whether tests run in Firefox. */
export const FIREFOX = process.env.CLIP_BROWSER === 'firefox';
export const FIREFOX_PATH = process.env.FIREFOX ?? '/usr/bin/firefox-esr';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
/** What a careful site would allow: no inline scripts, no eval, nothing from elsewhere. */
export const STRICT_CSP =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src 'self' data: blob:";

/**
 * @param {{ isolated?: boolean, csp?: string, mounts?: Record<string, string>,
 *  onRequest?: Parameters<typeof serve>[0]['onRequest'] }} [options]
 */
export async function startSite({ isolated = true, csp = STRICT_CSP, mounts, onRequest } = {}) {
  const log = /** @type {string[]} */ ([]);
  const site = await serve({
    root: ROOT,
    mounts,
    headers: { ...(isolated ? ISOLATION : {}), 'Content-Security-Policy': csp },
    onRequest(request, response) {
      log.push(request.url);
      if (request.url === '/blank.html') {
        response.writeHead(200, { 'Content-Type': 'text/html' });
        response.end('<!doctype html><title>blank</title><link rel=icon href=data:,>');
        return true;
      }
      return onRequest?.(request, response);
    },
  });
  return { ...site, log };
}

const CHUNK = 'export const CHUNK = 4 << 20;';
/** For startSite: what is converted, and foreign files while they are, are kept in chunks of so many bytes, so that small models have several. */
export const smallChunks =
  (bytes = 65536) =>
  async (request, response) => {
    if (request.url !== '/web/models/model.js') return false;
    const text = await readFile(join(ROOT, 'web/models/model.js'), 'utf8');
    if (!text.includes(CHUNK)) throw new Error(`web/models/model.js has no ${CHUNK}`);
    response.writeHead(200, { 'Content-Type': 'text/javascript' });
    response.end(text.replace(CHUNK, `export const CHUNK = ${bytes};`));
    return true;
  };

/** Debian's Firefox, by WebDriver BiDi. Playwright asks it to emulate media features, which it does not know: that is left out. */
async function startFirefox() {
  const browser = await firefox.launch({
    channel: 'moz-firefox',
    executablePath: FIREFOX_PATH,
    headless: true,
    firefoxUserPrefs: { 'ui.prefersReducedMotion': 1, 'media.navigator.streams.fake': true, 'media.navigator.permission.disabled': true },
  });
  // what is private in the version of Playwright that package.json pins
  const { _browserSession: session } = /** @type {any} */ (browser)._connection.toImpl(browser);
  const proto = Object.getPrototypeOf(session);
  const { send } = proto;
  proto.send = function (method, params) {
    return method === 'emulation.setMediaFeaturesOverride' ? Promise.resolve({}) : send.call(this, method, params);
  };
  const context = await browser.newContext({ locale: 'en-US' });
  return { context, close: () => browser.close() };
}

/** A browser with an empty profile of its own. @param {string[]} [args] further flags of Chromium's */
export async function startBrowser(args = []) {
  return FIREFOX ? startFirefox() : startChromium(args);
}

/** A Chromium with an empty profile of its own. @param {string[]} [args] further flags */
export async function startChromium(args = []) {
  const profile = await mkdtemp(join(tmpdir(), 'clip-profile-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [...FLAGS, ...args],
    locale: 'en-US',
  });
  return {
    context,
    /** A page of the site in which `Clip` is what the package exports. @param {{ url: string }} site */
    async page(site) {
      const page = await context.newPage();
      /** @type {string[]} */
      const complaints = [];
      page.on('pageerror', error => complaints.push(error.message));
      page.on('console', message => message.type() === 'error' && complaints.push(message.text()));
      await page.goto(`${site.url}blank.html`);
      await page.evaluate(async () => Object.assign(window, await import('/web/index.js')));
      return Object.assign(page, { complaints });
    },
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}
