/**
 * A hub as the real one answers: small files itself, large ones by a redirect to another origin that takes ranges, 401 for a repository
 * that it does not have, 404 with EntryNotFound for a file, a listing, and, when told to, 429.
 */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

const LARGE = /\.(bin|safetensors|onnx|onnx_data|h5|msgpack|pt)$/;

/** @param {import('node:http').RequestListener} answer */
async function listen(answer) {
  const server = createServer(answer);
  await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { server, origin: `http://127.0.0.1:${port}` };
}

const CORS = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'X-Repo-Commit, X-Linked-Size, X-Linked-ETag, ETag' };

/**
 * @param {Record<string, { folder: string, as?: string, extra?: string[], beside?: Record<string, string> }>} repositories by "owner/name"; `as`: a folder that its files
 *   are in; `beside`: further files; `extra`: names of
 *   large ones, which are never to be fetched
 */
export async function startHub(repositories) {
  /** @type {{ method: string, name: string, range?: string, origin: 'hub' | 'cdn', status: number, bytes: number }[]} */
  const log = [];
  /** sums: the listing has true ones; wrong: the name of a file whose last byte is another than listed */
  const mood = { limited: 0, noListing: false, sums: false, wrong: /** @type {string | undefined} */ (undefined) };
  /** @param {string} name @param {string} path */
  const read = async (name, path) => {
    const bytes = await readFile(path);
    if (name === mood.wrong) bytes[bytes.length - 1] ^= 1;
    return bytes;
  };
  /** @param {string} repo */
  const filesOf = async repo => {
    const { folder, as = '', extra = [], beside } = repositories[repo];
    const files = new Map();
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath ?? entry.path, entry.name);
      if (entry.isFile()) files.set(as + path.slice(folder.length).replace(/^\//, ''), path);
    }
    for (const name of extra) files.set(name, '');
    for (const [name, path] of Object.entries(beside ?? {})) files.set(name, path);
    return files;
  };
  /** @param {import('node:http').ServerResponse} response @param {any} entry @param {number} status @param {any} headers
   *  @param {Buffer | string} [body] */
  const send = (response, entry, status, headers, body = '') => {
    log.push({ ...entry, status, bytes: entry.method === 'HEAD' ? 0 : body.length });
    response.writeHead(status, { ...CORS, 'Content-Length': body.length, ...headers });
    response.end(entry.method === 'HEAD' ? undefined : body);
  };
  const cdn = await listen(async (request, response) => {
    const [, repo, name] = /^\/([^/]+\/[^/]+)\/(.*)$/.exec(decodeURIComponent(request.url ?? '')) ?? [];
    const bytes = await read(name, (await filesOf(repo)).get(name));
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    const entry = { method: request.method, name, range: request.headers.range, origin: 'cdn' };
    if (!range) return send(response, entry, 200, {}, bytes);
    const part = bytes.subarray(Number(range[1]), Number(range[2]) + 1);
    send(response, entry, 206, { 'Content-Range': `bytes ${range[1]}-${range[2]}/${bytes.length}` }, part);
  });
  const hub = await listen(async (request, response) => {
    const url = new URL(request.url ?? '', 'http://hub');
    const entry = { method: request.method, name: url.pathname, range: request.headers.range, origin: 'hub' };
    if (mood.limited > 0) {
      mood.limited--;
      return send(response, entry, 429, { 'Retry-After': '1', RateLimit: '"resolvers";r=0;t=1' });
    }
    const tree = /^\/api\/models\/([^/]+\/[^/]+)\/tree\/([^/]+)$/.exec(url.pathname);
    const file = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
    const repo = (tree ?? file)?.[1] ?? '';
    if (!repositories[repo]) return send(response, entry, 401, { 'X-Error-Code': 'RepoNotFound' }, 'Invalid username or password.');
    const files = await filesOf(repo);
    if (tree) {
      if (mood.noListing) return send(response, entry, 404, {}, '{}');
      const entries = await Promise.all(
        Array.from(files, async ([path, from]) => {
          const size = from ? (await stat(from)).size : 600_000_000;
          const bytes = mood.sums ? await readFile(from) : Buffer.alloc(0);
          const git = mood.sums ? createHash('sha1').update(`blob ${size}\0`).update(bytes).digest('hex') : `git-${path}`;
          const sha = mood.sums ? createHash('sha256').update(bytes).digest('hex') : `sha-${path}`;
          return { type: 'file', path, size, oid: git, ...(LARGE.test(path) && { lfs: { oid: sha, size } }) };
        }),
      );
      return send(response, entry, 200, { 'Content-Type': 'application/json' }, JSON.stringify(entries));
    }
    const name = decodeURIComponent(file?.[3] ?? '');
    if (!files.has(name)) return send(response, entry, 404, { 'X-Error-Code': 'EntryNotFound' }, 'Entry not found');
    if (!LARGE.test(name)) {
      const bytes = await read(name, files.get(name));
      return send(response, entry, 200, { ETag: `"git-${name}"`, 'X-Repo-Commit': 'c0ffee', 'Content-Type': 'text/plain' }, bytes);
    }
    const { size } = await stat(files.get(name));
    const headers = { 'X-Linked-Size': size, 'X-Linked-ETag': `"sha-${name}"`, 'X-Repo-Commit': 'c0ffee' };
    send(response, entry, 302, { ...headers, Location: `${cdn.origin}/${repo}/${name}` });
  });
  return {
    url: hub.origin,
    log,
    mood,
    /** Bytes that the other origin sent of files whose name has this end. @param {string} end */
    sent: end => log.filter(({ origin, name }) => origin === 'cdn' && name.endsWith(end)).reduce((sum, { bytes }) => sum + bytes, 0),
    close: async () => {
      for (const { server } of [hub, cdn]) {
        server.closeAllConnections();
        await new Promise(resolve => server.close(resolve));
      }
    },
  };
}
