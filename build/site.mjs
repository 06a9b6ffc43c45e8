// npm run build -- --site FOLDER: the page as static files, for any static host and under any path. All but the page itself is named
// by its hash and can be cached for good; a service worker (web/demo/service-worker.js) makes it work without network and adds the
// headers that give threads where the host does not.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { encodeJpeg } from './samples/jpeg.js';
import { scriptsOf } from './site-scripts.mjs';
import { BuildError, ROOT } from './steps.mjs';

const DEMO = join(ROOT, 'web/demo');
const SAMPLES = join(ROOT, 'weights/samples');
/** Pixels a side of the samples' small pictures. */
const THUMB = 80;
const COMPRESSIBLE = /\.(html|js|css|json|svg|wasm|webmanifest)$/;

const hashOf = data => createHash('sha256').update(data).digest('hex').slice(0, 12);

/** Files of the site by their path. @type {Map<string, Buffer>} */
class Site extends Map {
  /** Adds a file under a name with its hash; the answer is that name. @param {string} name @param {string | Buffer} data */
  asset(name, data) {
    const end = extname(name);
    const hashed = `${basename(name, end)}-${hashOf(data)}${end}`;
    this.set(`assets/${hashed}`, Buffer.from(data));
    return hashed;
  }
}

/** `new URL('relative', import.meta.url)`, as bundlers know it. */
const ADDRESS = /new URL\(\s*'([^']+)'\s*,\s*import\.meta\.url\s*,?\s*\)/g;

/**
 * Replaces addresses of files in a module by those of the site. The bundle lies in assets/, so that all are beside it.
 * @param {Site} site @param {Map<string, string>} made names of files that are made otherwise, by their path
 */
function addresses(site, made) {
  return {
    name: 'addresses',
    setup(build) {
      build.onLoad({ filter: /web\/.*\.js$/ }, async ({ path }) => {
        let text = await readFile(path, 'utf8');
        for (const [whole, name] of text.matchAll(ADDRESS)) {
          const target = resolve(dirname(path), name);
          const is = await stat(target).catch(() => null);
          if (is?.isDirectory() || (!is && !made.has(target))) continue;
          const hashed = made.get(target) ?? site.asset(basename(target), await readFile(target));
          text = text.replaceAll(whole, `new URL('./${hashed}', import.meta.url)`);
        }
        return { contents: text, loader: 'js' };
      });
    },
  };
}

/** The samples: their small pictures in one strip, their words in the bundle. @param {Site} site */
async function samplesOf(site) {
  const { Engine } = await import('../web/engine/engine.js');
  const engine = await Engine.create({ wasm: await readFile(join(ROOT, 'web/wasm/clip-simd.wasm')), threads: 1 });
  const list = JSON.parse(await readFile(join(SAMPLES, 'index.json'), 'utf8'));
  // the page opens with the first: the lightest, since nobody has asked for it yet
  const sizes = await Promise.all(list.map(async ({ file }) => (await stat(join(SAMPLES, file))).size));
  list.unshift(...list.splice(sizes.indexOf(Math.min(...sizes)), 1));
  const strip = new Uint8Array(THUMB * list.length * THUMB * 3);
  for (const [i, sample] of list.entries()) {
    const bytes = await readFile(join(SAMPLES, sample.file));
    const crop = engine.crop(bytes, THUMB, sample.file);
    for (let y = 0; y < THUMB; y++) strip.set(crop.subarray(y * THUMB * 3, (y + 1) * THUMB * 3), (y * list.length + i) * THUMB * 3);
    sample.file = site.asset(sample.file, bytes);
  }
  engine.dispose();
  const picture = site.asset('samples.jpg', encodeJpeg(strip, THUMB * list.length, THUMB, 40));
  return `export const folder = new URL('./', import.meta.url).href;
    export const strip = new URL('./${picture}', import.meta.url).href;
    export const listOf = async () => (${JSON.stringify(list)});`;
}

/** @param {string} folder where the site goes; what lies there of an earlier one stays, for pages that are still open */
export async function buildSite(folder) {
  const site = new Site();
  /** @type {Map<string, string>} */
  const made = new Map();
  const options = /** @type {const} */ ({
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['es2022'],
    legalComments: 'none',
    ignoreAnnotations: true, // package.json's sideEffects do not know the page
    logLevel: 'warning',
    absWorkingDir: ROOT,
  });
  const bundle = async more => {
    const { outputFiles } = await build({ ...options, write: false, ...more, plugins: [addresses(site, made)] });
    return Buffer.from(outputFiles[0].contents);
  };

  const worker = join(ROOT, 'web/session/worker.js');
  made.set(worker, site.asset('worker.js', await bundle({ entryPoints: [worker] })));
  const frameScript = site.asset('worker-frame.js', await bundle({ entryPoints: [join(DEMO, 'worker-frame.js')], format: 'iife' }));
  const frame = (await readFile(join(DEMO, 'worker-frame.html'), 'utf8')).replace('worker-frame.js', frameScript);
  made.set(join(DEMO, 'worker-frame.html'), site.asset('worker-frame.html', frame));

  const style = site.asset(
    'style.css',
    await bundle({
      stdin: {
        contents: ['style', 'sheet', 'dialogs'].map(name => `@import './${name}.css';`).join('\n'),
        loader: 'css',
        resolveDir: DEMO,
      },
    }),
  );
  const samples = await samplesOf(site);
  const known = await readFile(join(ROOT, 'weights/models.json'), 'utf8').catch(() => '{"models":[]}');
  const scripts = await scriptsOf({
    entry: `import './offline.js'; import './app.js';`,
    folder: DEMO,
    options,
    plugins: [
      {
        name: 'page',
        setup(build) {
          build.onLoad({ filter: /sample-source\.js$/ }, () => ({ contents: samples, loader: 'js' }));
          build.onLoad({ filter: /demo\/known\.js$/ }, () => ({
            contents: `export const listOf = async () => (${JSON.stringify(JSON.parse(known).models)});`,
            loader: 'js',
          }));
          // what Clip.load needs to run without a worker, which the page never does
          build.onResolve({ filter: /(session\/session|sources\/index|session\/serve)\.js$/ }, ({ kind, path }) =>
            kind === 'dynamic-import' ? { path, external: true } : undefined,
          );
        },
      },
      addresses(site, made),
    ],
  });
  for (const [name, text] of scripts) site.set(`assets/${name}`, Buffer.from(text));
  const [app, ...rest] = scripts.keys();
  // what is fetched when it is wanted must be there without network too; words only in the reader's language
  const languages = (await readdir(join(DEMO, 'words'))).map(name => name.slice(0, -3));
  const later = rest.filter(name => !languages.includes(name.split('-')[0]));

  const icon = site.asset('icon.svg', await readFile(join(DEMO, 'icon.svg')));
  const { default: words } = await import('../web/demo/words/en.js');
  const manifest = {
    name: 'clip-wasm',
    short_name: 'clip-wasm',
    description: words.description,
    start_url: './',
    scope: './',
    id: './',
    display: 'standalone',
    background_color: '#faf7f4',
    theme_color: '#faf7f4',
    icons: [
      { src: `assets/${icon}`, type: 'image/svg+xml', sizes: 'any', purpose: 'any' },
      { src: `assets/${icon}`, type: 'image/svg+xml', sizes: 'any', purpose: 'maskable' },
    ],
  };
  site.set('manifest.webmanifest', Buffer.from(JSON.stringify(manifest)));
  site.set('index.html', Buffer.from(pageOf(await readFile(join(DEMO, 'index.html'), 'utf8'), words, { style, app, icon })));
  const core = [
    'index.html',
    ...[style, app, icon, made.get(worker), frameScript, made.get(join(DEMO, 'worker-frame.html')), ...later].map(name => `assets/${name}`),
  ];
  const version = hashOf(Buffer.concat([...site].map(([name, data]) => Buffer.concat([Buffer.from(name), data]))));
  site.set(
    'service-worker.js',
    await bundle({
      entryPoints: [join(DEMO, 'service-worker.js')],
      format: 'iife',
      define: { VERSION: JSON.stringify(version), CORE: JSON.stringify(core.map(name => (name === 'index.html' ? './' : `./${name}`))) },
    }),
  );
  site.set('_headers', Buffer.from(HEADERS));
  await write(site, folder);
  return site;
}

/** For hosts that read such a file (Netlify, Cloudflare Pages and others); the others need nothing. */
const HEADERS = `/*
  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Embedder-Policy: require-corp
  X-Content-Type-Options: nosniff
  Referrer-Policy: no-referrer
/assets/*
  Cache-Control: public, max-age=31536000, immutable
`;

/** The page with its words in English, until the script puts in the reader's. @param {string} html @param {any} words */
function pageOf(html, words, { style, app, icon }) {
  let first = true;
  return html
    .replace(/ *<link rel="stylesheet"[^>]*>\n/g, () =>
      first ? ((first = false), `    <link rel="stylesheet" href="assets/${style}">\n`) : '',
    )
    .replace('src="app.js"', `src="assets/${app}"`)
    .replace(
      '<link rel="icon" href="icon.svg"',
      `<link rel="manifest" href="manifest.webmanifest">\n    <meta name="theme-color" content="#faf7f4" media="(prefers-color-scheme: light)">\n    <meta name="theme-color" content="#151413" media="(prefers-color-scheme: dark)">\n    <link rel="icon" href="assets/${icon}"`,
    )
    .replace(
      /(<[a-z0-9]+\b[^>]* data-t="(\w+)"[^>]*>)(<\/)/g,
      (_, open, key, close) => `${open}${words[key].replaceAll('&', '&amp;').replaceAll('<', '&lt;')}${close}`,
    )
    .replace(/>\s+</g, space => (space.includes('\n') ? '>\n<' : space));
}

/** @param {Site} site @param {string} folder */
async function write(site, folder) {
  if (existsSync(folder) && (await readdir(folder)).length && !existsSync(join(folder, 'service-worker.js')))
    throw new BuildError(`${folder} is neither empty nor a site that was built before`);
  for (const [name, data] of site) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, data);
    if (!COMPRESSIBLE.test(name)) continue;
    // for servers that send what lies compressed beside a file
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length };
    await writeFile(`${path}.br`, brotliCompressSync(data, { params }));
    await writeFile(`${path}.gz`, gzipSync(data, { level: 9 }));
  }
  console.log(`  ${site.size} files in ${relative(process.cwd(), folder) || folder}`);
}
