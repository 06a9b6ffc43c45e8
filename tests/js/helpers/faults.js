/** A server that fails by a schedule, which a seed makes: the same seed, the same faults. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { random } from './model.js';

const PAGE = '<!doctype html><title>Log in</title><form>'.padEnd(900);
/** What can befall one answer. @type {Record<string, (answer: { response: any, request: any, bytes: Buffer, send: (bytes: Buffer, status?: number, headers?: any) => void, next: () => number }) => void>} */
export const NETWORK = {
  reset: ({ request }) => request.socket.destroy(),
  'server error': ({ response }) => response.writeHead(500).end(),
  'too many requests': ({ response }) => response.writeHead(429).end(),
  'too many requests, come again at once': ({ response }) => response.writeHead(429, { 'Retry-After': '0' }).end(),
  'too many requests, come again in an hour': ({ response }) => response.writeHead(429, { 'Retry-After': '3600' }).end(),
  'not found': ({ response }) => response.writeHead(404).end(),
  forbidden: ({ response }) => response.writeHead(403).end(),
  'login page': ({ response }) => response.writeHead(200, { 'Content-Type': 'text/html' }).end(PAGE),
  'undeclared page': ({ send }) => send(Buffer.from(PAGE)),
  'nothing, declared so': ({ send }) => send(Buffer.alloc(0)),
  'nothing, without a length': ({ response }) => response.writeHead(200).end(),
  'file cut, declared so': ({ send, bytes, next }) => send(bytes.subarray(0, Math.floor(next() * bytes.length))),
  'file with more at its end': ({ send, bytes }) => send(Buffer.concat([bytes, Buffer.alloc(40, 7)])),
  'silence before the headers': () => {},
  'silence after some bytes': ({ response, bytes, next }) => {
    response.writeHead(200, { 'Content-Length': bytes.length });
    response.write(bytes.subarray(0, Math.floor(next() * bytes.length)));
  },
  'connection broken after some bytes': ({ response, request, bytes, next }) => {
    response.writeHead(200, { 'Content-Length': bytes.length });
    response.write(bytes.subarray(0, Math.floor(next() * bytes.length)), () => request.socket.destroy());
  },
  'whole file instead of a range': ({ send, bytes }) => send(bytes),
  'another range': ({ send, bytes }) =>
    send(bytes.subarray(0, bytes.length >> 1), 206, { 'Content-Range': `bytes 3-${(bytes.length >> 1) + 2}/${bytes.length}` }),
  'range not satisfiable': ({ response, bytes }) => response.writeHead(416, { 'Content-Range': `bytes */${bytes.length}` }).end(),
};
/** Only where sums tell. */
export const SILENT = {
  'flipped bits': ({ request, bytes, send, next }) => {
    const copy = Buffer.from(bytes);
    for (let i = 0; i < 4 && copy.length; i++) copy[Math.floor(next() * copy.length)] ^= 1 << Math.floor(next() * 8);
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    if (range)
      send(copy.subarray(Number(range[1]), Number(range[2]) + 1), 206, { 'Content-Range': `bytes ${range[1]}-${range[2]}/${copy.length}` });
    else send(copy);
  },
};

/** In which nothing comes, or nothing more. */
export const STALLS = Object.fromEntries(Object.entries(NETWORK).filter(([kind]) => kind.startsWith('silence')));

/** @param {string} folder @param {Record<string, string>} [headers] */
export async function serveFaults(folder, headers = {}) {
  const state = { folder, chance: 0, kinds: [], next: random(1), log: [], sent: 0 };
  const open = new Set();
  const server = createServer(async (request, response) => {
    const name = decodeURIComponent(new URL(request.url, 'http://x').pathname.split('/').pop());
    const bytes = await readFile(join(state.folder, name)).catch(() => null);
    const etag = bytes && `"${createHash('sha1').update(bytes).digest('hex')}"`;
    const head = { ...headers, 'Content-Type': 'application/octet-stream', 'Accept-Ranges': 'bytes' };
    for (const [key, value] of Object.entries(headers)) response.setHeader(key, value);
    const send = (data, status = 200, more = {}) => {
      response.writeHead(status, { ...head, ...(etag && { ETag: etag }), 'Content-Length': data.length, ...more });
      if (request.method === 'HEAD') return response.end();
      state.sent += data.length;
      response.end(data);
    };
    if (bytes && state.next() < state.chance) {
      const [kind, fault] = state.kinds[Math.floor(state.next() * state.kinds.length)];
      state.log.push(`${request.method} ${name}: ${kind}`);
      return fault({ response, request, bytes, send, next: state.next });
    }
    if (!bytes) return response.writeHead(404, headers).end();
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    if (!range || (request.headers['if-range'] && request.headers['if-range'] !== etag)) return send(bytes);
    const [from, to] = [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)];
    if (from >= bytes.length) return response.writeHead(416, headers).end();
    send(bytes.subarray(from, to + 1), 206, { 'Content-Range': `bytes ${from}-${to}/${bytes.length}` });
  });
  server.on('connection', socket => open.add(socket.on('close', () => open.delete(socket))));
  await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const url = `http://127.0.0.1:${server.address().port}/model/`;
  return { url, state, close: () => new Promise(resolve => (open.forEach(socket => socket.destroy()), server.close(resolve))) };
}
