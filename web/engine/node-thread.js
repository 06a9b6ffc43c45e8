/** A further thread of the engine in Node: a worker that does nothing else. */
import { parentPort, workerData } from 'node:worker_threads';
import { runThread } from './instance.js';

runThread(workerData, () => parentPort?.postMessage('started'));
