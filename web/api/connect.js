/** From where the package's own files are to a pool of workers, or to a session in the caller's thread. */
import { ClipError } from '../error.js';
import { chooseModule, compile } from '../engine/wasm.js';
import { LocalClient } from '../session/client.js';
import { Pool } from '../session/pool.js';

/** @typedef {import('./options.js').SourceSpec} SourceSpec */
/** @typedef {Omit<import('../session/session.js').SessionOptions, 'source'> & { source: SourceSpec }} Open */
/** @typedef {(open: Open, watch: import('../session/session.js').SessionWatch) => Promise<import('../session/session.js').Session>} OpenLocal */
/**
 * What an entry of the package brings along.
 * @typedef {object} Own
 * @property {Record<import('../engine/wasm.js').ModuleName | 'readers', () => string>} [modules] where they are
 * @property {() => Worker} [startWorker]
 * @property {string} [address] of the entry's own script
 * @property {OpenLocal} local
 */

/** An address in a page or a worker. @param {string | URL} address */
const absolute = address => new URL(address, globalThis.document?.baseURI ?? globalThis.location?.href).href;

/**
 * The package's folder, where its files are as they were published: what the app says, or, under Vite's development server, what is beside
 * the folder into which that copied the script, and nothing else.
 * @param {string | URL | undefined} assets @param {string} [script] @returns {string | undefined} ends with /
 */
export function packageFolder(assets, script = '') {
  if (assets !== undefined) return absolute(assets).replace(/\/?$/, '/');
  const [, modules] = /^(.*\/node_modules\/)\.vite\/[^/]+\/[^/]+$/.exec(script.replace(/\?.*$/, '')) ?? [];
  return modules && `${modules}clip-wasm/`;
}

/** @type {Map<string, string>} */
const blobs = new Map();

/** A worker whose script is elsewhere: browsers start only scripts of the page's origin, but those may import others. @param {string} address */
function startElsewhere(address) {
  let blob = blobs.get(address);
  if (!blob) {
    blob = URL.createObjectURL(new Blob([`import ${JSON.stringify(address)};`], { type: 'text/javascript' }));
    blobs.set(address, blob); // never revoked: threads are started from it too
  }
  return new Worker(blob, { type: 'module', name: 'clip-wasm' });
}

/** @param {string} address */
const isElsewhere = address => new URL(address).origin !== globalThis.location?.origin;

/** @param {string} address */
const startAt = address => (isElsewhere(address) ? startElsewhere(address) : new Worker(address, { type: 'module', name: 'clip-wasm' }));

/** By their addresses: for all models of a page a module is compiled once. (What Chromium has compiled so it never lets go of.)
 *  @type {Map<string, Promise<WebAssembly.Module>>} */
const modulesAt = new Map();

/** @param {Parameters<typeof compile>[0]} where */
function compiled(where) {
  if (typeof where !== 'string') return compile(where);
  const known = modulesAt.get(where);
  if (known) return known;
  const module = compile(where);
  modulesAt.set(where, module);
  module.catch(() => modulesAt.delete(where)); // another time it may be there
  return module;
}

/** How many workers there may be, and how much memory they may have, where the caller does not say. */
function capacity() {
  const { hardwareConcurrency = 1, deviceMemory = 4 } = /** @type {Navigator & { deviceMemory?: number }} */ (navigator);
  return { limit: Math.min(8, hardwareConcurrency), room: (deviceMemory * 2 ** 30) / 4 };
}

/**
 * @param {SourceSpec} source @param {import('./options.js').LoadOptions} options @param {(warning: import('../error.js').PlainError) => void} warn
 * @param {Own} own @returns {Promise<Pool>}
 */
export async function connect(
  source,
  { dtype, threads, cache, vocabulary, worker, workers, wasm, readers, assets, maxPixels: pixels, maxMemory: memory },
  warn,
  { modules, startWorker, address, local },
) {
  const folder = packageFolder(assets, address);
  const chosen = chooseModule(worker === false ? 1 : threads);
  /** @param {import('./options.js').LoadOptions['wasm']} wasm as the caller gave it @param {keyof NonNullable<typeof modules>} name */
  const moduleOf = (wasm, name) => {
    const given = wasm instanceof URL || typeof wasm === 'string' ? absolute(wasm) : wasm;
    return given ?? (folder ? `${folder}web/wasm/clip-${name}.wasm` : modules?.[name]());
  };
  const where = moduleOf(wasm, chosen.name);
  if (!where)
    throw new ClipError('bad-argument', 'This entry of the package brings no module along: say where one is, in the option wasm.');
  // compiled while the worker's scripts still load; where only the worker may do that, it tries again
  const bounds = { pixels, memory };
  const open = {
    dtype,
    cache,
    vocabulary,
    bounds,
    threads: chosen.threads,
    wasm: compiled(where).catch(() => where),
    readers: moduleOf(readers, 'readers'),
    source,
  };
  const inThisThread = () => new LocalClient(watch => local({ ...open, threads: 1 }, watch), warn);
  if (worker === false || (typeof Worker !== 'function' && typeof worker !== 'function')) return new Pool(inThisThread());

  const script = worker instanceof URL || typeof worker === 'string' ? absolute(worker) : folder && `${folder}web/session/worker.js`;
  // an unbundled script on another origin: new Worker would refuse what is beside it. (Bundlers say file: of scripts that they moved.)
  const beside = !script && address && isElsewhere(address) && /^https?:.*\/web\/core\.js$/.test(address);
  const at = script ?? (beside ? address.replace(/core\.js$/, 'session/worker.js') : undefined);
  const start = typeof worker === 'function' ? worker : at ? () => startAt(at) : startWorker;
  if (!start)
    throw new ClipError('bad-argument', 'This entry of the package brings no worker along: say how to start it, in the option worker.');
  const { limit, room } = capacity();
  const message = async () => ({ ...open, wasm: await open.wasm });
  const pool = Pool.ofWorkers(start, message, warn, workers ?? limit, workers ? undefined : room);
  pool.script = at;
  // a policy may forbid blobs: the work is then done here
  if (at && isElsewhere(at)) pool.otherwise = inThisThread;
  return pool;
}
