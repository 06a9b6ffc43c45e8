// Builds what the package ships: the modules, and with --types the type declarations.
// usage: node build/build.mjs [--types]
import { checkNode, ensureModules, ensurePackages } from './setup.mjs';
import { main, must, step } from './steps.mjs';

await main(async () => {
  checkNode();
  await ensureModules();
  if (!process.argv.includes('--types')) return;
  await ensurePackages();
  await step('types', () => must('npm', ['run', '--silent', 'types']));
});
