// Builds what the package ships: the modules, and with --types the type declarations. With --site FOLDER also the page as static files,
// for any static host.
// usage: node build/build.mjs [--types] [--site FOLDER]
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { checkNode, ensureModules, ensurePackages } from './setup.mjs';
import { main, must, step } from './steps.mjs';

const { values: options } = parseArgs({ options: { types: { type: 'boolean' }, site: { type: 'string' } } });

await main(async () => {
  checkNode();
  await ensureModules();
  if (options.types || options.site) await ensurePackages();
  if (options.types) await step('types', () => must('npm', ['run', '--silent', 'types']));
  if (options.site === undefined) return;
  const { buildSite } = await import('./site.mjs'); // its packages are there now
  await step('site', () => buildSite(resolve(options.site)));
});
