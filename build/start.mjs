// npm start: builds what is missing, classifies a sample photo with the embedded model, and serves the demo page.
// usage: node build/start.mjs [--no-serve] [--port N]
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { serve } from './serve.mjs';
import { checkNode, ensureModules, ensurePackages } from './setup.mjs';
import { BuildError, ROOT, main, must, step } from './steps.mjs';

const { values: options } = parseArgs({ options: { 'no-serve': { type: 'boolean' }, port: { type: 'string', default: '8080' } } });

async function classifySample() {
  const samples = JSON.parse(readFileSync(join(ROOT, 'weights/samples/index.json'), 'utf8'));
  const { file, labels } = samples[0];
  const args = ['web/cli.js', 'classify', `weights/samples/${file}`, '--labels', labels.join(',')];
  console.log(`  $ node ${args.map(arg => (/[\s,]/.test(arg) ? `"${arg}"` : arg)).join(' ')}`);
  await must(process.execPath, args);
}

/** Serves on `port`, or on the next free one of the ten that follow. */
async function serveFrom(port) {
  const mounts = Object.fromEntries(
    ['weights', 'node_modules'].filter(name => existsSync(join(ROOT, name))).map(name => [`/${name}/`, join(ROOT, name)]),
  );
  const onRequest = (request, response) => request.url === '/' && response.writeHead(302, { Location: '/demo/' }).end();
  for (let candidate = port; ; candidate++) {
    try {
      return await serve({ root: join(ROOT, 'web'), mounts, port: candidate, onRequest });
    } catch (error) {
      if (error.code !== 'EADDRINUSE' || candidate >= port + 10)
        throw new BuildError(`cannot listen on port ${candidate}: ${error.message}`);
    }
  }
}

await main(async () => {
  const port = Number(options.port);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new BuildError(`--port ${options.port}: not a port`);
  checkNode();
  await ensureModules();
  await ensurePackages();
  await step('classify a sample photo with the embedded model', classifySample);
  if (options['no-serve']) return;
  const { url } = await serveFrom(port);
  console.log(`\nThe demo page is at ${url}demo/   (Ctrl+C ends)`);
});
