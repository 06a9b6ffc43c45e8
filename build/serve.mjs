// A static web server for the page and the tests: MIME types, Range, revalidation, and the headers that give a page
// threads (cross-origin isolation).
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, sep } from 'node:path';
import { pipeline } from 'node:stream';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.md': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.webp': 'image/webp',
  '.gif': 'image/gif',
  '.bmp': 'image/bmp',
  '.avif': 'image/avif',
  '.ico': 'image/x-icon',
};

export const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/**
 * Serves `root` at /, and each folder of `mounts` ({ '/weights/': folder }) at its prefix.
 * @param {object} options
 * @param {string} options.root
 * @param {Record<string, string>} [options.mounts]
 * @param {Record<string, string>} [options.headers] sent with every answer; ISOLATION by default
 * @param {number} [options.port] 0 (the default): any free one
 * @param {string} [options.host]
 * @param {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => unknown} [options.onRequest]
 *   sees each request first; an answer other than undefined or false, or a promise of one, means that it has answered
 * @returns {Promise<{ url: string, port: number, server: import('node:http').Server, close: () => Promise<void> }>}
 */
export async function serve({ root, mounts = {}, headers = ISOLATION, port = 0, host = 'localhost', onRequest }) {
  // Longest prefix first, so that a mount inside another is found.
  const folders = await Promise.all(
    [...Object.entries(mounts), ['/', root]]
      .sort(([a], [b]) => b.length - a.length)
      .map(async ([prefix, folder]) => [prefix, await realpath(folder)]),
  );
  const server = createServer(async (request, response) => {
    try {
      if (!isLocal(request.headers.host)) return fail(response, 421, 'This server answers to its own names only');
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      if (await onRequest?.(request, response)) return;
      await answer(request, response, folders);
    } catch (error) {
      if (response.headersSent) response.destroy();
      else fail(response, 500, String(error));
    }
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const bound = server.address().port;
  return {
    url: `http://localhost:${bound}/`,
    port: bound,
    server,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Whether a Host header is localhost or a bare address: a name of somebody else's may be made to lead here (DNS rebinding), and would let
 *  that one's pages read this folder. @param {string | undefined} host */
const isLocal = host => /^(([\w-]+\.)*localhost|\d+\.\d+\.\d+\.\d+|\[[\da-f:.]+\])(:\d+)?$/i.test(host ?? '');

function fail(response, status, text, headers = {}) {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', ...headers });
  response.end(`${text}\n`);
}

async function answer(request, response, folders) {
  if (request.method !== 'GET' && request.method !== 'HEAD') return fail(response, 405, 'Method not allowed', { Allow: 'GET, HEAD' });
  const [rawPath, query] = request.url.split(/\?(.*)/s);
  const path = safePath(rawPath);
  if (path === undefined) return fail(response, 400, 'Bad path');
  const [prefix, folder] = folders.find(([start]) => path.startsWith(start) || `${path}/` === start) ?? [];
  if (!folder) return fail(response, 404, 'Not found');
  let file = join(folder, path.slice(prefix.length));
  let status = await stat(file).catch(() => undefined);
  if (status?.isDirectory()) {
    if (!path.endsWith('/')) return fail(response, 301, 'Moved', { Location: `${rawPath}/${query === undefined ? '' : `?${query}`}` });
    file = join(file, 'index.html');
    status = await stat(file).catch(() => undefined);
  }
  // A link may lead out of the folder: where it ends counts.
  const real = status?.isFile() ? await realpath(file) : undefined;
  if (!real?.startsWith(folder + sep)) return fail(response, 404, 'Not found');

  response.setHeader('Content-Type', TYPES[extname(file).toLowerCase()] ?? 'application/octet-stream');
  response.setHeader('Cache-Control', 'no-cache');
  response.setHeader('Accept-Ranges', 'bytes');
  const etag = `"${status.size.toString(16)}-${Math.floor(status.mtimeMs).toString(16)}"`;
  response.setHeader('ETag', etag);
  response.setHeader('Last-Modified', status.mtime.toUTCString());
  if (request.headers['if-none-match'] === etag) return response.writeHead(304).end();

  let { start, end } = { start: 0, end: status.size - 1 };
  const ifRange = request.headers['if-range'];
  const range = ifRange === undefined || ifRange === etag ? parseRange(request.headers.range, status.size) : undefined;
  if (range === null) return fail(response, 416, 'Range not satisfiable', { 'Content-Range': `bytes */${status.size}` });
  if (range) {
    ({ start, end } = range);
    response.setHeader('Content-Range', `bytes ${start}-${end}/${status.size}`);
  }
  response.writeHead(range ? 206 : 200, { 'Content-Length': end - start + 1 });
  if (request.method === 'HEAD' || end < start) return response.end();
  pipeline(createReadStream(real, { start, end }), response, () => {});
}

/** The decoded path, or undefined for one that is malformed or climbs. */
function safePath(raw) {
  let path;
  try {
    path = decodeURIComponent(raw);
  } catch {
    return undefined;
  }
  if (!path.startsWith('/') || /[\0\\]|\/\//.test(path) || path.split('/').includes('..')) return undefined;
  return path;
}

/** One byte range: { start, end }, undefined if none was asked for (or several: those get the whole), null if none can be had. */
function parseRange(header, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  if (match[1] === '') return match[2] === '0' || size === 0 ? null : { start: Math.max(0, size - Number(match[2])), end: size - 1 };
  const start = Number(match[1]);
  const end = match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (match[2] !== '' && Number(match[2]) < start) return undefined;
  return start < size ? { start, end } : null;
}
