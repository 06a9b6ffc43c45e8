/**
 * A worker of the tests' own that uses the engine directly: runs a model on given inputs with a given module.
 *
 *     in   { module, threads, folder, dtype, pixels, ids }      out  { images, texts, threads, kernels } or { error }
 */
import { Engine } from '/web/engine/engine.js';
import { Loader } from '/web/models/loader.js';
import { HttpSource } from '/web/models/sources/http.js';

function spawn(start) {
  const worker = new Worker('/web/session/worker.js', { type: 'module' });
  const started = new Promise((onmessage, onerror) => Object.assign(worker, { onmessage, onerror }));
  worker.postMessage({ thread: start });
  return { started, terminate: () => worker.terminate() };
}

self.onmessage = async ({ data: { module, threads, folder, dtype, pixels, ids } }) => {
  try {
    const engine = await Engine.create({ wasm: `/web/wasm/clip-${module}.wasm`, readers: '/web/wasm/clip-readers.wasm', threads, spawn });
    const loader = new Loader(new HttpSource(new URL(folder, self.location.href).href), null, () => {});
    await loader.open({});
    const { tower: vision } = await loader.load(engine, 'vision', dtype, {});
    const { tower: text } = await loader.load(engine, 'text', dtype, {});
    self.postMessage({
      images: vision.encodePixels(pixels),
      texts: text.encodeTexts(ids),
      threads: engine.threads,
      kernels: engine.kernels,
    });
    engine.dispose();
  } catch (error) {
    self.postMessage({ error: `${error.name} ${error.code}: ${error.message}\n${error.stack}` });
  }
};
