/** The worker in Node. What it is sent and answers stands in serve.js. */
import { readFile } from 'node:fs/promises';
import { parentPort } from 'node:worker_threads';
import { decodeBySharp } from '../pictures/sharp.js';
import { nodeSource, spawnThread, startAside } from './node-host.js';
import { serve } from './serve.js';

const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);
/** Of this package, where none is given. */
const readers = () => readFile(new URL('../wasm/clip-readers.wasm', import.meta.url));
const post = (/** @type {any} */ message, /** @type {any[]} */ transfer = []) => port.postMessage(message, transfer);
port.on('message', serve({ post, spawn: spawnThread, aside: startAside, sourceOf: nodeSource, readFile, readers, decode: decodeBySharp }));
