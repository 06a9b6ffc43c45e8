/** A Chromium whose processes can be killed at any moment, and which is opened again on the same profile. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { FLAGS } from './chromium.js';

/** Starts one on a profile; the page is the first one's. @param {string} profile */
async function launch(profile) {
  const path = process.env.CHROMIUM ?? '/usr/bin/chromium';
  const args = [...FLAGS, '--headless=new', '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'];
  const child = spawn(path, args, { detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
  const gone = new Promise(resolve => child.once('exit', resolve));
  const address = await new Promise((resolve, reject) => {
    let said = '';
    child.stderr.on('data', data => {
      said += data;
      const found = /DevTools listening on (ws:\S+)/.exec(said);
      if (found) resolve(found[1]);
    });
    gone.then(() => reject(new Error(`Chromium ended: ${said.slice(-500)}`)));
  });
  child.unref();
  const browser = await chromium.connectOverCDP(address);
  const session = await browser.newBrowserCDPSession();
  return {
    browser,
    /** Pids of the renderers. @returns {Promise<number[]>} */
    async renderers() {
      const { processInfo } = await session.send('SystemInfo.getProcessInfo');
      return processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
    },
    /** All its processes at once. */
    async kill() {
      process.kill(-child.pid, 'SIGKILL');
      await gone;
      await browser.close().catch(() => {});
    },
  };
}

export async function startKillable() {
  const profile = await mkdtemp(join(tmpdir(), 'clip-killed-'));
  let running = await launch(profile);
  return {
    /** A page at an address. @param {string} url */
    async page(url) {
      for (let attempt = 1; ; attempt++) {
        try {
          const page = await running.browser.contexts()[0].newPage();
          await page.goto(url);
          return page;
        } catch (error) {
          if (attempt === 10) throw error;
          await new Promise(resolve => setTimeout(resolve, 200)); // what was killed is still being cleared away
        }
      }
    },
    renderers: () => running.renderers(),
    /** Kills all that runs pages. */
    async killRenderers() {
      for (const pid of await running.renderers()) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // it has ended by itself
        }
      }
    },
    /** Kills all of it, and opens it again. */
    async killAll() {
      await running.kill();
      running = await launch(profile);
    },
    async close() {
      await running.kill();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
