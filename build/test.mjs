// npm test: sets up what is missing, runs every kind of test, and totals them on the last line.
// usage: node build/test.mjs [--all] [format|structure|native|wasm|types|js|browser|packaging]...      all kinds by default
// --all: also what takes long. Tests see CLIP_ALL=1 in their environment; a kind may have a part of its own in LONG.
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { checkNode, ensureChromium, ensureFirefox, ensureModules, ensurePackages } from './setup.mjs';
import { BuildError, ROOT, aptInstall, ensureCommands, main, make, output, run, step } from './steps.mjs';

/** Percent of the regions of src/. */
const COVERED = 85;
const total = { passed: 0, failed: 0, skipped: 0 };

function count(name, { passed = 0, failed = 0, skipped = 0 }) {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
  console.log(`  ${name}: ${passed} passed, ${failed} failed, ${skipped} skipped`);
}

/** Files of a folder of tests/ whose names match; none where the folder does not exist. */
function files(folder, pattern) {
  const path = join(ROOT, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter(name => pattern.test(name))
    .sort()
    .map(name => `${folder}/${name}`);
}

/** The folders in a folder. */
const folders = folder =>
  readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(entry => `${folder}/${entry.name}`);

/** One check that is a test by itself. */
async function check(name, command, args) {
  const failed = (await run(command, args)) === 0 ? 0 : 1;
  count(name, { passed: 1 - failed, failed });
}

// ---- the kinds ----

/** Layout of C by clang-format, of JavaScript, CSS, HTML and JSON by Biome, which also lints. */
async function format() {
  const clangFormat = () => ['clang-format-14', 'clang-format'].find(name => /version 14\./.test(output(name, ['--version']) ?? ''));
  if (!clangFormat()) await ensureCommands([['clang-format-14', 'clang-format-14']]);
  const sources = ['src', ...folders('src'), 'tests/c', 'tests/fuzz', 'tests/bench', 'build'].flatMap(folder => files(folder, /\.[ch]$/));
  let report = '';
  await run(clangFormat(), ['--dry-run', ...sources], { onOutput: text => (report += text) });
  const wrong = [...new Set(report.match(/^[^\s:]+(?=:\d+:\d+: )/gm))];
  if (wrong.length) console.log(`  \`npm run format\` would change: ${wrong.join(' ')}`);
  count('layout of C', wrong.length ? { failed: 1 } : { passed: 1 });
  await ensurePackages();
  await check('layout and lint of JavaScript, CSS and HTML', 'node_modules/.bin/biome', ['check', '--error-on-warnings']);
}

/** Runs one cmocka program and counts what it says; one that ends badly without saying so has failed. */
async function cmocka(name, command, args, env) {
  let text = '';
  const status = await run(command, args, { env, onOutput: part => (text += part) });
  const number = pattern => Number(text.match(pattern)?.[1] ?? 0);
  const result = {
    passed: number(/^\[ {2}PASSED {2}\] (\d+) test/m),
    failed: number(/^\[ {2}FAILED {2}\] (\d+) test/m),
    skipped: number(/^\[ {2}SKIPPED \] (\d+) test/m),
  };
  if (status !== 0 && result.failed === 0) result.failed = 1;
  if (status === 0 && result.passed + result.skipped === 0) result.failed = 1; // ended without running its tests
  if (result.failed) console.log(text);
  count(name, result);
}

async function native() {
  await ensureCommands([
    ['clang|gcc', 'clang'],
    ['make', 'make'],
  ]);
  await step('build the C tests for this machine', () => make('build/native.mk', 'tests'));
  const env = { ASAN_OPTIONS: 'detect_leaks=1:abort_on_error=0', UBSAN_OPTIONS: 'print_stacktrace=1' };
  for (const file of files('tests/c', /^test_.*\.c$/)) {
    const name = file.slice('tests/c/'.length, -2);
    await cmocka(`${name} (native, ASan and UBSan)`, `build/out/native/asan/${name}`, [], env);
  }
  await fuzz(2);
}

/** clang, and what its fuzzers and sanitizers link with, which Debian has in a package of its own. */
async function ensureSanitizers() {
  await ensureCommands([
    ['clang', 'clang'],
    ['make', 'make'],
  ]);
  const folder = output('clang', ['-print-resource-dir']) ?? '';
  if (existsSync(join(folder, 'lib/linux'))) return;
  const name = `libclang-rt-${/(\d+)[^/]*$/.exec(folder)?.[1]}-dev`;
  if (process.getuid?.() !== 0) throw new BuildError(`missing: clang's runtime\n       on Debian: apt-get install ${name}`);
  await step(`install ${name}`, () => aptInstall([name]));
}

/** Each fuzzer over its seeds and for some seconds more, as many at once as there are cores. @param {number} seconds */
async function fuzz(seconds) {
  await ensureSanitizers();
  await step('build the fuzzers', () => make('build/native.mk', 'fuzz', 'CC=clang'));
  const names = files('tests/fuzz', /^fuzz_.*\.c$/).map(file => file.slice('tests/fuzz/fuzz_'.length, -2));
  const work = async () => {
    for (let name; (name = names.shift()); ) {
      let text = '';
      const status = await run('tests/fuzz/run.sh', [String(seconds), name], { onOutput: part => (text += part) });
      if (status) console.log(text);
      count(`fuzz_${name}, its seeds and ${seconds} s`, status ? { failed: 1 } : { passed: 1 });
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
}

/** What threads share, under the thread sanitizer. */
async function threads() {
  await ensureSanitizers();
  await step('build the tests of threads', () => make('build/native.mk', 'threads', 'CC=clang'));
  for (const file of files('tests/c', /^test_.*\.c$/)) {
    const name = file.slice('tests/c/'.length, -2);
    const program = `build/out/native/tsan/${name}`;
    if (existsSync(join(ROOT, program)))
      await cmocka(`${name} (native, thread sanitizer)`, program, [], { TSAN_OPTIONS: 'halt_on_error=1' });
  }
}

async function wasm() {
  await step('build the C tests as WebAssembly', () => make('build/native.mk', 'wasm-tests'));
  for (const file of files('tests/c', /^test_.*\.c$/)) {
    const name = file.slice('tests/c/'.length, -2);
    await cmocka(`${name} (wasm)`, process.execPath, [`build/out/wasm-tests/${name}.js`]);
  }
}

async function types() {
  await ensurePackages();
  await check('types', 'npm', ['run', '--silent', 'types']);
}

/** Runs test files with Node's runner: a readable report here, and TAP to a file for the totals. */
async function node(name, env = {}) {
  const tests = files(`tests/${name}`, /\.test\.m?js$/);
  if (tests.length === 0) return console.log(`  no tests in tests/${name}`);
  mkdirSync(join(ROOT, 'build/out'), { recursive: true });
  const tap = join(ROOT, `build/out/${name}.tap`);
  const reporters = [
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=tap',
    `--test-reporter-destination=${tap}`,
  ];
  const status = await run(
    process.execPath,
    ['--test', `--test-timeout=${process.env.CLIP_ALL ? 1_800_000 : 300_000}`, ...reporters, ...tests],
    { env },
  );
  const summary = readFileSync(tap, 'utf8');
  const number = key => Number(summary.match(new RegExp(`^# ${key} (\\d+)$`, 'm'))?.[1] ?? 0);
  const result = { passed: number('pass'), failed: number('fail') + number('cancelled'), skipped: number('skipped') + number('todo') };
  if (status !== 0 && result.failed === 0) result.failed = 1;
  count(name, result);
}

async function structure() {
  await ensurePackages();
  await node('structure');
}

async function js() {
  await ensurePackages();
  await node('js');
}

async function browser() {
  await ensurePackages();
  const chromium = await ensureChromium();
  if (!chromium) {
    console.log('  skipped: there is no Chromium; install one (on Debian: apt-get install chromium) or name one in CHROMIUM');
    return count('browser', { skipped: 1 });
  }
  const firefox = await ensureFirefox();
  await node('browser', firefox ? { CHROMIUM: chromium, FIREFOX: firefox } : { CHROMIUM: chromium });
}

async function packaging() {
  await ensurePackages();
  const chromium = await ensureChromium();
  await node('packaging', chromium ? { CHROMIUM: chromium } : {});
}

const KINDS = { format, structure, native, wasm, types, js, browser, packaging };
/** What a kind does besides, with --all: { KIND: async () => {} }. @type {Partial<Record<keyof typeof KINDS, () => Promise<void>>>} */
const LONG = {
  async native() {
    await threads();
    await fuzz(10);
    await ensureCommands([['llvm-cov-14|llvm-cov', 'llvm']]);
    await check('what of src/ the seeds of the fuzzers reach', 'tests/fuzz/coverage.sh', [String(COVERED)]);
  },
};

await main(async () => {
  const all = process.argv.includes('--all');
  if (all) process.env.CLIP_ALL = '1'; // `run` hands it on
  const asked = process.argv.slice(2).filter(argument => argument !== '--all');
  const unknown = asked.find(name => !(name in KINDS));
  if (unknown) throw new BuildError(`there are no ${unknown} tests; there are: ${Object.keys(KINDS).join(', ')}`);
  checkNode();
  if (!existsSync(join(ROOT, '../shared'))) console.log('There is no ../shared folder: tests that compare with its data are skipped.');
  await ensureModules();
  for (const [name, kind] of Object.entries(KINDS)) {
    if (asked.length && !asked.includes(name)) continue;
    try {
      await step(name, kind);
      if (all && LONG[name]) await step(`${name}, the long part`, LONG[name]);
    } catch (error) {
      // A kind that cannot even start is a failure, but must not hide what the others find.
      if (!(error instanceof BuildError)) throw error;
      console.error(`  error: ${error.message}`);
      count(name, { failed: 1 });
    }
  }
  console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed ? 1 : 0;
});
