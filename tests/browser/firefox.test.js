/** The page's tests in Firefox: a core of them, with `npm test -- --all` all that it can do. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { FIREFOX_PATH, ROOT } from './helpers/chromium.js';

const CORE = { page: 'opens with a sample|a dropped photo|pasting', 'page-sheet': 'a label filters|what is in view goes first' };
const ALL = { page: '', 'page-sheet': '', 'page-faults': '', 'page-models': '' };

const why = existsSync(FIREFOX_PATH) ? false : `there is no ${FIREFOX_PATH}; on Debian: apt-get install firefox-esr`;

for (const [name, pattern] of Object.entries(process.env.CLIP_ALL ? ALL : CORE))
  test(`${name} in Firefox`, { skip: why }, async () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env; // else the child takes itself for a part of this run
    const args = ['--test', '--test-reporter=tap', ...(pattern ? [`--test-name-pattern=${pattern}`] : []), `tests/browser/${name}.test.js`];
    const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...env, CLIP_BROWSER: 'firefox' } });
    let report = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', text => (report += text));
    const status = await new Promise(resolve => child.on('close', resolve));
    const passed = Number(/^# pass (\d+)/m.exec(report)?.[1]);
    console.log(`${passed} passed, ${/^# skipped (\d+)/m.exec(report)?.[1]} skipped`);
    assert.equal(status, 0, report);
    assert.ok(passed > 0, report);
  });
