// The scripts of the site: the page's in one file, and beside it one file for each thing that is fetched when it is wanted (what
// is imported by import()). esbuild's own splitting cuts what both use into files of their own, each a request of every first visit:
// here the page's file keeps it, and the others import it from there.
import { createHash } from 'node:crypto';
import { basename, join, relative, resolve } from 'node:path';
import { build } from 'esbuild';
import { ROOT } from './steps.mjs';

const hashOf = data => createHash('sha256').update(data).digest('hex').slice(0, 12);

/**
 * @param {object} given
 * @param {string} given.entry the page's first module, as source @param {string} given.folder where its imports are relative to
 * @param {import('esbuild').Plugin[]} given.plugins @param {import('esbuild').BuildOptions} given.options
 * @returns {Promise<Map<string, string>>} scripts by their names; the page's is the first
 */
export async function scriptsOf({ entry, folder, plugins, options }) {
  const bundle = async (stdin, more = []) =>
    (await build({ ...options, write: false, stdin, plugins: [...more, ...plugins] })).outputFiles[0].text;
  const { now, later, shared } = await modulesOf({ entry, folder, plugins, options });
  const names = await exportsOf([...shared], options);

  /** What the page's file exports a name of a module under. */
  const alias = new Map();
  for (const [path, list] of names) for (const name of list) alias.set(`${path} ${name}`, `e${alias.size}`);
  const lists = path => names.get(path).map(name => [name, alias.get(`${path} ${name}`)]);
  const nameOf = path => basename(path, '.js');

  /** Imports that lead out of a file. */
  const out = {
    name: 'out',
    setup(at) {
      at.onResolve({ filter: /^\./ }, ({ path, resolveDir, kind }) => {
        const target = resolve(resolveDir, path);
        if (kind === 'dynamic-import' && later.has(target)) return { path: `./later-${nameOf(target)}`, external: true };
      });
    },
  };
  /** In what comes later: what the page has already. */
  const fromPage = {
    name: 'from-page',
    setup(at) {
      at.onResolve({ filter: /^\.\/the-page$/ }, () => ({ path: './the-page', external: true }));
      at.onResolve({ filter: /^\./ }, ({ path, resolveDir, kind }) => {
        const target = resolve(resolveDir, path);
        if (kind === 'import-statement' && now.has(target)) return { path: target, namespace: 'page' };
      });
      at.onLoad({ filter: /.*/, namespace: 'page' }, ({ path }) => ({
        contents: `export { ${lists(path)
          .map(([name, from]) => `${from} as ${name}`)
          .join(', ')} } from './the-page';`,
      }));
    },
  };

  const texts = new Map([['app', '']]);
  /** Of the names, those that what comes later does use: the rest need not be kept for it. */
  const used = new Set();
  for (const path of later) {
    const contents = `export * from ${JSON.stringify(`./${basename(path)}`)};`;
    const source = path.includes('/words/') ? contents.replace('*', '{ default }') : contents;
    const text = await bundle({ contents: source, resolveDir: join(path, '..') }, [out, fromPage]);
    for (const [, list] of text.matchAll(/import\s*\{([^}]*)\}\s*from\s*"\.\/the-page"/g))
      for (const one of list.split(',')) used.add(one.trim().split(' ')[0]);
    texts.set(nameOf(path), text);
  }
  const exported = [...names.keys()].map(path => {
    const list = lists(path).filter(([, to]) => used.has(to));
    return `export { ${list.map(([name, to]) => `${name} as ${to}`).join(', ')} } from ${JSON.stringify(`./${relative(folder, path)}`)};`;
  });
  texts.set('app', await bundle({ contents: [entry, ...exported].join('\n'), resolveDir: folder }, [out]));
  // they name each other: one hash for all of them
  const version = hashOf([...texts.values()].join('\n'));
  const renamed = text =>
    text.replaceAll('"./the-page"', `"./app-${version}.js"`).replace(/"\.\/later-([\w-]+)"/g, (_, name) => `"./${name}-${version}.js"`);
  return new Map([...texts].map(([name, text]) => [`${name}-${version}.js`, renamed(text)]));
}

/** Which modules the page needs at once, which are imported later, and which of the first those use. */
async function modulesOf({ entry, folder, plugins, options }) {
  const { metafile } = await build({
    ...options,
    write: false,
    metafile: true,
    splitting: true,
    outdir: join(ROOT, 'assets'),
    stdin: { contents: entry, resolveDir: folder },
    plugins,
  });
  const pathOf = name => join(ROOT, name);
  const reach = (start, found = new Set()) => {
    if (found.has(start)) return found;
    found.add(start);
    for (const { path, kind, external } of metafile.inputs[start].imports) if (kind === 'import-statement' && !external) reach(path, found);
    return found;
  };
  const first = reach('<stdin>');
  const later = new Set();
  for (const { imports } of Object.values(metafile.inputs))
    for (const { path, kind, external } of imports) if (kind === 'dynamic-import' && !external && !first.has(path)) later.add(path);
  const shared = new Set([...later].flatMap(path => [...reach(path)]).filter(path => first.has(path)));
  const all = set => new Set([...set].filter(name => name !== '<stdin>').map(pathOf));
  return { now: all(first), later: all(later), shared: all(shared) };
}

/** Names that modules export. @param {string[]} paths @param {import('esbuild').BuildOptions} options @returns {Promise<Map<string, string[]>>} */
async function exportsOf(paths, options) {
  if (!paths.length) return new Map();
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: paths,
    outdir: join(ROOT, 'assets'),
    outbase: ROOT,
    write: false,
    metafile: true,
    format: 'esm',
    logLevel: options.logLevel,
  });
  return new Map(Object.values(metafile.outputs).map(({ entryPoint, exports }) => [join(ROOT, entryPoint), exports]));
}
