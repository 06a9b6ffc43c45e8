// Obtains what a fresh clone lacks: toolchain, C libraries, modules, node packages, a browser. Each function does nothing,
// and quickly, when there is nothing to do.
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError, ROOT, aptInstall, ensureCommands, make, must, step, which } from './steps.mjs';

export function checkNode() {
  if (Number(process.versions.node.split('.')[0]) < 20) throw new BuildError(`Node 20 or newer is needed; this is ${process.version}`);
}

/** The four WebAssembly modules, with Emscripten and the C libraries' sources if need be. */
export async function ensureModules() {
  await ensureCommands([
    ['gcc|clang|cc', 'g++'],
    ['make', 'make'],
    ['python3', 'python3'],
    ['xz', 'xz-utils'],
    ['ar', 'binutils'],
    ['flock', 'util-linux'],
  ]);
  await step('toolchain and C libraries', () => make('emcc.mk', 'build/out/toolchain.mk', 'build/out/sources.mk'));
  await step('WebAssembly modules', () => make('emcc.mk'));
  // the embedded model's description under a name that no bundler takes for a script: Parcel makes one of every .json
  copyFileSync(join(ROOT, 'weights/clip-mini/clip.json'), join(ROOT, 'weights/clip-mini/clip.manifest'));
}

/** node_modules as package-lock.json says. */
export async function ensurePackages() {
  const stamp = join(ROOT, 'node_modules', '.clip-wasm-lock');
  const lock = createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  await step('node packages', async () => {
    await must('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']);
    writeFileSync(stamp, lock);
  });
}

/** A browser's path, by a variable, on PATH, or installed now; undefined where there is none and it cannot be.
 *  @param {string} variable @param {string[]} names @param {string} debian name of Debian's package */
async function ensureBrowser(variable, names, debian) {
  const find = () => process.env[variable] || which(...names);
  if (!find() && process.getuid?.() === 0 && which('apt-get')) await step(`install ${debian}`, () => aptInstall([debian]));
  return find();
}

/** The path of a Chromium, or undefined. */
export const ensureChromium = () =>
  ensureBrowser('CHROMIUM', ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'], 'chromium');

/** The path of a Firefox, or undefined. */
export const ensureFirefox = () => ensureBrowser('FIREFOX', ['firefox-esr', 'firefox'], 'firefox-esr').catch(() => undefined);
