// The type declarations: tsc's, and what JSDoc cannot say.
//
// Names of the browser's classes become ones that are looked for where the app has them (`lib: ["dom"]`, "webworker", or Node's types), so that
// the declarations hold without, also with `skipLibCheck: false`. Clip and its index get Symbol.dispose; the element its events, and its place
// in HTMLElementTagNameMap.
// usage: node build/types.mjs [--if-older]     --if-older: only if a script has changed since
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT, main, must } from './steps.mjs';

const TYPES = join(ROOT, 'web/types');
const STAMP = join(ROOT, 'build/out/types.made');

/** Classes that an app may lack: of those no value is there either. */
const CLASSES = `AbortSignal Blob File FileList FileSystemDirectoryHandle HTMLCanvasElement HTMLImageElement HTMLVideoElement IDBDatabase
  ImageBitmap ImageData MessageEvent OffscreenCanvas Response URL VideoFrame Worker`.split(/\s+/);
const OTHERS = {
  BufferSource: 'ArrayBuffer | ArrayBufferView',
  Transferable: 'any',
  WorkerType: "'classic' | 'module'",
};
const WEBASSEMBLY = ['Memory', 'Module', 'Instance', 'Global'];

const found = (where, name) => `typeof globalThis extends ${where} ? T : ${name}`;
const ALIASES = {
  'ReadableStream<_ = any>': found('{ ReadableStream: { prototype: infer T } }', 'never'),
  ...Object.fromEntries(CLASSES.map(name => [name, found(`{ ${name}: { prototype: infer T } }`, 'never')])),
  ...OTHERS,
  ...Object.fromEntries(
    WEBASSEMBLY.map(name => [`WebAssembly${name}`, found(`{ WebAssembly: { ${name}: { prototype: infer T } } }`, 'object')]),
  ),
};

/** What each file has besides. @type {Record<string, (text: string) => string>} */
const ADDED = {
  // the other entries export the same types
  ...Object.fromEntries(['core', 'bare', 'node'].map(name => [`${name}.d.ts`, text => `${text}export type * from './index.js';\n`])),
  'api/clip.d.ts': text => disposable(text, 'Clip', 'Symbol.dispose](): void', 'Symbol.asyncDispose](): Promise<void>'),
  'api/embeddings.d.ts': text => disposable(text, 'EmbeddingIndex', 'Symbol.dispose](): void'),
  'element.d.ts': text => `${text}
/** The element's own events. */
export interface ClipClassifierEventMap extends HTMLElementEventMap {
    'clip-ranking': CustomEvent<{ photo: ImageInput; ranking: Score[] }>;
    'clip-progress': CustomEvent<Progress>;
    'clip-error': CustomEvent<import("./error.js").ClipError>;
}
export interface ClipClassifier {
${['add', 'remove']
  .map(what => {
    const [name, options] = [`${what}EventListener`, what === 'add' ? 'AddEventListenerOptions' : 'EventListenerOptions'];
    return `    ${name}<K extends keyof ClipClassifierEventMap>(type: K, listener: (this: ClipClassifier, event: ClipClassifierEventMap[K]) => any, options?: boolean | ${options}): void;
    ${name}(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | ${options}): void;`;
  })
  .join('\n')}
}
declare global {
    interface HTMLElementTagNameMap {
        'clip-classifier': ClipClassifier;
    }
}
`,
};

/** @param {string} text @param {string} name of a class @param {...string} methods */
function disposable(text, name, ...methods) {
  const head = new RegExp(`^export class ${name} \\{\n`, 'm');
  if (!head.test(text)) throw new Error(`There is no class ${name} in its declarations.`);
  const members = methods.map(method => `    [${method};\n`).join('');
  return `/// <reference lib="esnext.disposable" />\n${text.replace(head, line => line + members)}`;
}

/** @param {string} text of tsc's @param {string} name */
function mended(text, name) {
  const whole = text.replace(/\bWebAssembly\.(\w+)/g, 'WebAssembly$1').replaceAll('ReturnType<typeof setTimeout>', 'any');
  const added = ADDED[name]?.(whole) ?? whole;
  if (name === 'element.d.ts') return added; // it is of use in pages only
  const code = added.replace(/\/\*[\s\S]*?\*\//g, '');
  const used = Object.keys(ALIASES).filter(alias => new RegExp(`(?<![.\\w])${alias.replace(/<.*/, '')}\\b(?!\\s*\\??:)`).test(code));
  return added + used.map(alias => `type ${alias} = ${ALIASES[alias]};\n`).join('');
}

const filesIn = folder => readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => /\.[jt]s$/.test(name));
const timeOf = path => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

function isNew() {
  const scripts = filesIn(join(ROOT, 'web')).filter(name => !name.startsWith('types/'));
  const sources = [...scripts.map(name => `web/${name}`), 'build/types.mjs', 'tsconfig.json', 'package-lock.json'];
  const made = timeOf(STAMP);
  return sources.every(name => timeOf(join(ROOT, name)) < made);
}

await main(async () => {
  if (process.argv.includes('--if-older') && isNew()) return 0;
  const begin = new Date();
  const fresh = join(ROOT, `build/out/types.${process.pid}`); // others may be reading those that are there
  try {
    await must(join(ROOT, 'node_modules/.bin/tsc'), ['--outDir', fresh]);
    const names = filesIn(fresh);
    for (const name of names) {
      const text = mended(readFileSync(join(fresh, name), 'utf8'), name);
      const path = join(TYPES, name);
      if (timeOf(path) && readFileSync(path, 'utf8') === text) continue;
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(join(fresh, name), text);
      renameSync(join(fresh, name), path);
    }
    for (const name of filesIn(TYPES)) if (!names.includes(name)) rmSync(join(TYPES, name));
    writeFileSync(STAMP, '');
    utimesSync(STAMP, begin, begin); // what changed meanwhile is newer
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return 0;
});
