/** A Chromium to measure in: pages, and what their processes use, read from /proc. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const read = file => {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

/** Pids below this process, with their command lines. */
function descendants() {
  const children = {};
  for (const pid of fs.readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    const parent = read(`/proc/${pid}/stat`).split(') ')[1]?.split(' ')[1];
    (children[parent] ??= []).push(pid);
  }
  const found = [],
    queue = [String(process.pid)];
  while (queue.length) for (const child of children[queue.pop()] ?? []) found.push(child), queue.push(child);
  return found;
}

/** CPU milliseconds of a process's threads: its main one, and all. */
function cpuOf(pid) {
  let main = 0,
    all = 0;
  let tasks = [];
  try {
    tasks = fs.readdirSync(`/proc/${pid}/task`);
  } catch {}
  for (const task of tasks) {
    const ms = Number(read(`/proc/${pid}/task/${task}/schedstat`).split(' ')[0]) / 1e6;
    all += ms || 0;
    if (task === pid) main = ms || 0;
  }
  return { main, all };
}

/** The pages' renderers; the browser's own interface, where it is made of pages too, is left out. */
const renderers = () =>
  descendants().filter(pid => {
    const command = read(`/proc/${pid}/cmdline`);
    return command.includes('--type=renderer') && !command.includes('--top-chrome-webui');
  });

/** What each renderer had used when it was last seen: one that ends between two readings must not take its share with it. */
const seen = new Map();

/** CPU of all pages together, since this process began: one works at a time, the others (spare ones) are idle. */
export function rendererCpu() {
  for (const pid of renderers()) seen.set(pid, cpuOf(pid));
  const sum = { main: 0, all: 0 };
  for (const { main, all } of seen.values()) {
    sum.main += main;
    sum.all += all;
  }
  return sum;
}

const peakOf = pid => Number(/VmHWM:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1024;

/** A browser to measure in. @param {string[]} [args] further flags */
export const launch = (args = []) =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: [...FLAGS, ...args] });

/** Memory of the largest renderer now, in MB: all that is resident, and its share of it where others use it too. */
export function memoryOf() {
  const all = renderers().map(pid => {
    const kilobytes = name => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);
    return { rss: kilobytes('Rss') / 1024, pss: kilobytes('Pss') / 1024 };
  });
  return all.reduce((most, one) => (one.rss > most.rss ? one : most), { rss: 0, pss: 0 });
}

export const newProfile = () => fs.mkdtempSync(path.join(os.tmpdir(), 'clip-bench-'));

/** Opens one page in a browser of its own and answers window.__result. @param {string} url @param {string} [profile] kept if given */
export async function visit(url, profile) {
  const folder = profile ?? newProfile();
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: FLAGS,
  });
  try {
    const page = await context.newPage();
    await page.exposeFunction('__cpu', rendererCpu);
    await page.goto(url);
    await page.waitForFunction('window.__result', null, { timeout: 600000, polling: 100 });
    const result = await page.evaluate('window.__result');
    if (result.error) throw new Error(`${url}: ${result.error}`);
    return { ...result, peak_MB: Math.max(0, ...renderers().map(peakOf)) };
  } finally {
    await context.close();
    if (!profile) fs.rmSync(folder, { recursive: true, force: true });
  }
}
