/** Apps as people build them: a folder with the packed package and a bundler in node_modules, and what becomes of it in Chromium. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { serve } from '../../build/serve.mjs';
import { makePicture, temporaryFolder } from '../js/helpers/model.js';
import { must, pack } from './helpers.js';
import { toolFolder } from './tools.js';

/** @type {Promise<string> | undefined} */
let tarball;

/**
 * A folder with an app's files, clip-wasm installed from its tarball, and a tool of tools.json.
 * @param {string | null} tool @param {Record<string, string | Uint8Array>} files @returns {Promise<string>}
 */
export async function makeApp(tool, files) {
  tarball ??= pack();
  const app = await temporaryFolder('clip-app-');
  if (tool) {
    const { status } = spawnSync('cp', ['-al', join(toolFolder(tool), 'node_modules'), app]); // links are enough, and quick
    if (status !== 0) must('cp', ['-a', join(toolFolder(tool), 'node_modules'), app]);
  }
  const own = join(app, 'node_modules/clip-wasm');
  mkdirSync(own, { recursive: true });
  must('tar', ['-xzf', await tarball, '--strip-components=1', '-C', own]);
  const base = { 'package.json': JSON.stringify({ name: 'app', private: true, type: 'module', dependencies: { 'clip-wasm': '*' } }) };
  for (const [name, content] of Object.entries({ ...base, ...files })) {
    mkdirSync(dirname(join(app, name)), { recursive: true });
    writeFileSync(join(app, name), content);
  }
  return app;
}

/** Runs a program of an app's node_modules. @param {string} app @param {string} name @param {string[]} args */
export const bin = (app, name, args) => must(join(app, 'node_modules/.bin', name), args, app);

export const HTML = (script = '<script type="module" src="/main.js"></script>') =>
  `<!doctype html><html><head><meta charset="utf-8"><title>app</title><link rel="icon" href="data:,"></head><body>${script}</body></html>`;

/** What an app does: it classifies a picture, searches, and says how it went in window.result. @param {string} [load] arguments of Clip.load */
export const USE = (load = '') => `
const photo = new Uint8Array(${JSON.stringify(Array.from(makePicture(80, 60)))});
Clip.load(${load}).then(async clip => {
  const scores = await clip.classify(photo, ['dog', 'pizza']);
  const [best] = await Clip.topK([0, 1], [[1, 0], [0.1, 1], [1, 1]], 1);
  if (best.index !== 1) throw new Error('search found ' + best.index);
  window.result = { scores, threads: clip.info.threads, warnings: clip.warnings.map(warning => warning.code) };
}).catch(error => (window.result = { error: error.code + ': ' + error.message }));
`;
export const MAIN = `import { Clip } from 'clip-wasm';${USE()}`;

/** Names of all files below a folder. @param {string} folder @returns {string[]} */
export const filesIn = folder =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1));

/** A program that serves until it is ended, as development servers do. @param {string} app @param {string} program @param {string[]} args
 *  @param {string} url */
export async function startServer(app, program, args, url) {
  const child = spawn(program, args, { cwd: app, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', data => (log += data));
  for (let i = 0; i < 300; i++) {
    if (child.exitCode !== null) break;
    if (
      await fetch(url)
        .then(() => true)
        .catch(() => false)
    )
      return { url, log: () => log, close: async () => void process.kill(-(/** @type {number} */ (child.pid)), 'SIGKILL') };
    await new Promise(resolve => setTimeout(resolve, 200));
  }
  throw new Error(`${program} ${args.join(' ')} does not serve ${url}:\n${log}`);
}

/** @type {Promise<import('playwright-core').Browser> | undefined} */
let browser;
export async function chromium() {
  const { chromium } = await import('playwright-core');
  browser ??= chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
  return browser;
}
export const closeChromium = async () => (await browser)?.close();

export const ISOLATED = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
export const CSP = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src data:",
};

/** What a page's window.result is, and what it complained about. @param {string} url @returns {Promise<{ result: any, complaints: string[] }>} */
export async function visit(url) {
  const page = await (await chromium()).newPage();
  /** @type {string[]} */
  const complaints = [];
  page.on('pageerror', error => complaints.push(error.message));
  page.on('console', message => message.type() === 'error' && complaints.push(message.text()));
  try {
    await page.goto(url);
    await page
      .waitForFunction(() => /** @type {any} */ (window).result, null, { timeout: 60_000 })
      .catch(error => complaints.push(String(error)));
    return { result: await page.evaluate(() => /** @type {any} */ (window).result), complaints };
  } finally {
    await page.close();
  }
}

/** What an extension's background worker has in self.results, when all of it is there. @param {string} folder
 *  @returns {Promise<Record<string, { result: any }>>} */
export async function visitExtension(folder) {
  const { chromium } = await import('playwright-core');
  const context = await chromium.launchPersistentContext('', {
    executablePath: process.env.CHROMIUM,
    headless: false, // playwright's own headless knows no extensions, Chromium's does
    ignoreDefaultArgs: ['--disable-extensions'],
    args: ['--headless=new', '--no-sandbox', '--disable-gpu', `--disable-extensions-except=${folder}`, `--load-extension=${folder}`],
  });
  try {
    const worker = context.serviceWorkers()[0] ?? (await context.waitForEvent('serviceworker', { timeout: 30_000 }));
    for (let i = 0; ; i++) {
      const results = await worker.evaluate(() => /** @type {any} */ (self).results);
      if (i === 300 || (results && Object.values(results).every(({ result }) => result) && Object.keys(results).length > 1)) return results;
      await new Promise(resolve => setTimeout(resolve, 200));
    }
  } finally {
    await context.close();
  }
}

/** The same of a folder that is served, with some headers. @param {string} root @param {Record<string, string>} [headers] @param {string} [path] */
export async function visitFolder(root, headers = {}, path = '') {
  const site = await serve({ root, headers });
  try {
    return await visit(site.url + path);
  } finally {
    await site.close();
  }
}
