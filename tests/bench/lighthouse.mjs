/**
 * Lighthouse over the site as it is built, on a phone and on a desk. It is no dependency: 200 packages for one number.
 *
 *   (mkdir /tmp/lighthouse && cd /tmp/lighthouse && npm init -y && npm install lighthouse@13)
 *   node tests/bench/lighthouse.mjs /tmp/lighthouse
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { serve } from '../../build/serve.mjs';
import { buildSite } from '../../build/site.mjs';

const from = createRequire(join(resolve(process.argv[2] ?? '.'), 'package.json'));
const load = name => import(pathToFileURL(from.resolve(name)).href);
const { default: lighthouse } = await load('lighthouse');
const { launch } = await load('chrome-launcher');

const folder = mkdtempSync(join(tmpdir(), 'clip-site-'));
await buildSite(folder);
const site = await serve({ root: folder });
const chrome = await launch({
  chromePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  chromeFlags: ['--headless=new', '--no-sandbox', '--disable-gpu'],
});
try {
  for (const formFactor of /** @type {const} */ (['mobile', 'desktop'])) {
    const screenEmulation = {
      mobile: formFactor === 'mobile',
      width: formFactor === 'mobile' ? 412 : 1350,
      height: 900,
      deviceScaleFactor: 1,
    };
    const { lhr } = await lighthouse(site.url, {
      port: chrome.port,
      onlyCategories: ['accessibility', 'best-practices'],
      formFactor,
      screenEmulation: { ...screenEmulation, disabled: false },
      throttlingMethod: 'provided',
    });
    const categories = Object.values(lhr.categories);
    console.log(`${formFactor}: ${categories.map(({ title, score }) => `${title} ${Math.round(100 * score)}`).join(', ')}`);
    for (const { id } of categories.flatMap(({ auditRefs }) => auditRefs)) {
      const { score, title } = lhr.audits[id];
      if (score !== null && score < 1) console.log(`  ${id}: ${title}`);
    }
  }
} finally {
  await chrome.kill();
  await site.close();
  rmSync(folder, { recursive: true, force: true });
}
