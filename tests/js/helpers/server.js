/** A file server that can misbehave in all the ways that downloads must survive. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';

/**
 * @typedef {object} Mood
 * @property {boolean} [noRange] answers requests for a range with the whole file
 * @property {number} [cutAt] breaks the connection before this byte of a file, in every answer
 * @property {(name: string, bytes: Buffer, request: { count: number }) => Buffer} [change] changes what is sent of a file
 * @property {boolean} [html] answers everything with a page
 * @property {boolean} [missing] has no file at all
 * @property {boolean} [down] breaks every connection at once
 * @property {number} [delay] ms before each 16 KiB
 * @property {Record<string, string>} [headers]
 * @property {boolean} [nameless] names no version: neither ETag nor If-Range
 * @property {(entry: { name: string, method: string, count: number }, response: import('node:http').ServerResponse) => unknown} [first]
 *   sees each request first; what answers true has answered
 */

/** @param {string} folder @param {Mood} [mood] may be changed while the server runs */
export async function serve(folder, mood = {}) {
  /** @type {{ name: string, path: string, method: string, range: string | undefined, sent: number }[]} */
  const log = [];
  const server = createServer(async (request, response) => {
    response.setMaxListeners(0);
    const name = decodeURIComponent(new URL(request.url, 'http://localhost').pathname.split('/').pop());
    const entry = { name, path: request.url, method: request.method, range: request.headers.range, sent: 0 };
    log.push(entry);
    if (mood.down) return request.socket.destroy();
    if (mood.first?.({ ...entry, count: log.filter(e => e.name === name && e.method === request.method).length }, response)) return;
    if (mood.html) {
      response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
      return response.end('<!doctype html><title>Welcome</title>');
    }
    let bytes;
    try {
      bytes = await readFile(join(folder, mood.missing ? 'no such file' : name));
    } catch {
      response.writeHead(404, { 'Content-Type': 'text/plain', ...mood.headers });
      return response.end('no such file');
    }
    const etag = `"${createHash('sha1').update(bytes).digest('hex').slice(0, 16)}"`;
    if (mood.change) bytes = mood.change(name, bytes, { count: log.filter(e => e.name === name).length });
    const outdated = !mood.nameless && request.headers['if-range'] !== undefined && request.headers['if-range'] !== etag;
    const range = !mood.noRange && !outdated && /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const from = range ? Number(range[1]) : 0;
    const to = range?.[2] ? Math.min(Number(range[2]) + 1, bytes.length) : bytes.length;
    response.writeHead(range ? 206 : 200, {
      'Content-Type': name.endsWith('.json') ? 'application/json' : 'application/octet-stream',
      'Content-Length': to - from,
      ...(!mood.nameless && { ETag: etag }),
      ...(range && { 'Content-Range': `bytes ${from}-${to - 1}/${bytes.length}` }),
      ...mood.headers,
    });
    if (request.method === 'HEAD') return response.end();
    for (let at = from; at < to; ) {
      const end = Math.min(at + 16384, to);
      if (mood.delay) await new Promise(resolve => setTimeout(resolve, mood.delay));
      if (mood.cutAt !== undefined && end > mood.cutAt) return request.socket.destroy();
      if (response.destroyed) return;
      if (!response.write(bytes.subarray(at, end)))
        await new Promise(resolve => (response.once('drain', resolve), response.once('close', resolve)));
      entry.sent += end - at;
      at = end;
    }
    response.end();
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = server.address();
  return {
    url: `http://127.0.0.1:${port}/model/`,
    origin: `http://127.0.0.1:${port}`,
    log,
    mood,
    folder,
    /** Bytes sent of files with this ending. @param {string} ending */
    sent: ending => log.filter(e => e.name.endsWith(ending)).reduce((sum, e) => sum + e.sent, 0),
    close: () => new Promise(resolve => (server.closeAllConnections(), server.close(resolve))),
  };
}
