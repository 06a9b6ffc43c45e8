// What hostile texts of 1 MB cost: JSON headers, configurations, merges, tokenizers.    node tests/bench/texts.mjs [FILE of merges...]
// Each is read twice, in an instance of its own; the second time counts, in CPU time, the way into wasm included. More than 0.5 s is an error.
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { splitLabels } from '../../web/api/labels.js';
import { Engine } from '../../web/engine/engine.js';
import { checkManifest } from '../../web/models/model.js';
import { readSafetensors } from '../../web/models/safetensors.js';

const MB = 1_000_000;
const FLOOR = 0.5;
const wasm = await readFile(new URL('../../web/wasm/clip-simd.wasm', import.meta.url));
const readers = await readFile(new URL('../../web/wasm/clip-readers.wasm', import.meta.url));
const UTF8 = new TextEncoder();

/** As many items as a megabyte holds. @param {(i: number) => string} item */
function many(item, between = ',') {
  const items = [];
  for (let i = 0, length = 0; ; i++) {
    const text = item(i);
    if ((length += text.length + between.length) > MB - 100) return items.join(between);
    items.push(text);
  }
}
const tensor = (/** @type {number} */ i) => `{"dtype":"F16","shape":[2],"data_offsets":[${4 * i},${4 * i + 4}]}`;

/** @type {Record<string, string>} */
const JSONS = {
  'nested as deep as it goes': '{"a":'.repeat(160_000) + '1' + '}'.repeat(160_000),
  'nested, arrays': `{"a":${'['.repeat(499_000)}${']'.repeat(499_000)}}`,
  'nested, never closed': '{"a":' + '['.repeat(999_000),
  'nested 60 deep, again and again': `{${many(i => `"${i}":${'['.repeat(60)}${']'.repeat(60)}`)}}`,
  'many keys': `{${many(i => `"${i}":0`)}}`,
  'one key, many times': `{${many(() => '"vision_config":{}')}}`,
  'many empty strings': `{"a":[${many(() => '""')}]}`,
  'many numbers': `{"a":[${many(() => '1')}]}`,
  'many keys in a configuration': `{"vision_config":{${many(i => `"${i}":[]`)}}}`,
  'a long string': `{"a":"${'x'.repeat(999_000)}"}`,
  'a long string of escapes': `{"a":"${'\\u0041'.repeat(166_000)}"}`,
  'a string of backslashes': `{"a":"${'\\\\'.repeat(499_000)}"}`,
  'a long number': `{"a":${'1'.repeat(999_000)}}`,
  spaces: `{"a":1${' '.repeat(999_000)}}`,
  'open quotes': `{${'"'.repeat(999_000)}`,
  commas: `{"a":[${','.repeat(999_000)}]}`,
};
/** @type {Record<string, string>} */
const HEADERS = {
  tensors: `{${many(i => `"${i}":${tensor(i)}`)}}`,
  'tensors, backwards': `{${Array.from({ length: 14_000 }, (_, i) => `"${i}":${tensor(13_999 - i)}`)}}`,
  'tensors of one name': `{${many(i => `"a":${tensor(i)}`)}}`,
  'tensors of long names of one beginning': `{${many(i => `"${'vision_model.encoder.layers.'.repeat(7)}${i}":${tensor(i)}`)}}`,
  'layers without end': `{${many(i => `"vision_model.encoder.layers.${i}.self_attn.q_proj.weight":${tensor(i)}`)}}`,
  'tensors without length': `{${many(i => `"${i}":{"dtype":"F16","shape":[0],"data_offsets":[0,0]}`)}}`,
  metadata: `{"__metadata__":{${many(i => `"${i}":"x"`)}}}`,
  'one tensor of many keys': `{"a":{${many(i => `"${i}":0`)}}}`,
};
/** @type {Record<string, string>} */
const MERGES = {
  'pairs that exist': `#version: 0.2\n${many(i => `${String.fromCharCode(33 + (i % 90))} ${String.fromCharCode(33 + ((i / 90) % 90))}`, '\n')}`,
  'one pair, many times': `#version: 0.2\n${many(() => 'a b', '\n')}`,
  'each longer by a letter': `#version: 0.2\n${many(i => `${'a'.repeat(i + 1)} a`, '\n')}`,
  'each twice as long': `#version: 0.2\n${many(i => `${'a'.repeat(2 ** Math.min(i, 17))} ${'a'.repeat(2 ** Math.min(i, 17))}`, '\n')}`,
  'one long line': `#version: 0.2\n${'a'.repeat(499_000)} ${'a'.repeat(499_000)}`,
  'empty lines': '#version: 0.2\n' + '\n'.repeat(999_000),
};
const vocabulary = (/** @type {string} */ entries, merges = '', added = '') =>
  `{"added_tokens":[${added}],"model":{"type":"BPE","vocab":{${entries}},"merges":[${merges}]}}`;
/** @type {Record<string, string>} */
const TOKENIZERS = {
  ...JSONS,
  'many entries': vocabulary(many(i => `"${i}":${i}`)),
  'one entry, many times': vocabulary(many(i => `"a":${i}`)),
  'many merges': vocabulary(
    '"a":0,"b":1,"ab":2',
    many(() => '"a b"'),
  ),
  'entries of escapes': vocabulary(many(i => `"\\u0041\\u0042\\u${i.toString(16).padStart(4, '0').slice(-4)}${i}":${i}`)),
  'many added tokens': vocabulary(
    '"a":0',
    '',
    many(i => `{"id":${i},"content":"<${i}>"}`),
  ),
  'entries that contain each other': vocabulary(many(i => `"${'a'.repeat(i + 1)}":${i}`)),
};

let failed = false;
/** @param {string} what @param {string | Uint8Array} text @param {(engine: Engine, bytes: Uint8Array) => unknown} read */
async function measure(what, text, read) {
  const bytes = typeof text === 'string' ? UTF8.encode(text) : text;
  const engine = await Engine.create({ wasm, readers });
  let answer = '';
  let seconds = 0;
  for (let i = 0; i < 2; i++) {
    const cpu = process.cpuUsage();
    try {
      await read(engine, bytes);
      answer = 'read';
    } catch (error) {
      answer = /** @type {any} */ (error).code ?? String(error);
    }
    const { user, system } = process.cpuUsage(cpu);
    seconds = (user + system) / 1e6;
  }
  failed ||= seconds > FLOOR;
  console.log(`${what.padEnd(62)} ${(bytes.length / 1e6).toFixed(2).padStart(6)} MB ${seconds.toFixed(3).padStart(7)} s  ${answer}`);
}

/** A file that has this header, and as many bytes of data as its last tensor says. @param {Uint8Array} header */
function file(header) {
  const ends = new TextDecoder().decode(header).matchAll(/"data_offsets":\[\d+,(\d+)\]/g);
  let data = 0;
  for (const [, end] of ends) data = Math.max(data, Number(end));
  const bytes = new Uint8Array(8 + header.length + data);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  return bytes;
}
const CONFIG = JSON.stringify({
  vision_config: { hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 1, intermediate_size: 128, image_size: 32, patch_size: 8 },
  text_config: {
    hidden_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 1,
    intermediate_size: 128,
    vocab_size: 520,
    max_position_embeddings: 16,
  },
  projection_dim: 16,
});
/** @param {{ want(): { offset: number, length: number } | null, push(bytes: Uint8Array): void }} reader @param {Uint8Array} bytes */
function feed(reader, bytes) {
  for (let range; (range = reader.want()); ) reader.push(bytes.subarray(range.offset, range.offset + range.length));
}

for (const [name, text] of Object.entries({ ...JSONS })) {
  const decoder = new TextDecoder();
  await measure(`configuration: ${name}`, text, (engine, bytes) => engine.sketchTower('vision', decoder.decode(bytes)).free());
  await measure(`clip.json: ${name}`, text, (_, bytes) => checkManifest(JSON.parse(decoder.decode(bytes))));
}
for (const [name, text] of Object.entries({ ...JSONS, ...HEADERS })) {
  await measure(`header, tower: ${name}`, text, (engine, bytes) => {
    const whole = file(bytes);
    const tower = engine.openTower('vision', CONFIG, 'q8');
    try {
      tower.open(whole.length);
      feed(tower, whole);
      tower.finish();
    } finally {
      tower.free();
    }
  });
  await measure(`header, converter: ${name}`, text, (engine, bytes) => {
    const whole = file(bytes);
    const converter = engine.openConverter('vision', 'q8', null, () => {});
    try {
      converter.open(whole.length);
      feed(converter, whole);
    } finally {
      converter.free();
    }
  });
  await measure(`header, catalog: ${name}`, text, async (engine, bytes) => {
    const whole = file(bytes);
    const catalog = (await engine.readers()).openCatalog();
    try {
      catalog.open('safetensors', whole.length, 'x');
      feed(catalog, whole);
      catalog.finish();
    } finally {
      catalog.free();
    }
  });
  await measure(`header, JavaScript: ${name}`, text, (_, bytes) => readSafetensors(file(bytes), 'x'));
}
for (const [name, text] of Object.entries(MERGES))
  await measure(`merges: ${name}`, text, (engine, bytes) => engine.openTokenizer(bytes).free());
for (const [name, text] of Object.entries(TOKENIZERS))
  await measure(`tokenizer.json: ${name}`, text, async (engine, bytes) => {
    const reader = (await engine.readers()).openTokenizerReader();
    try {
      reader.push(bytes);
      (await engine.readers()).openTokenizer(reader.finish()).free();
    } finally {
      reader.free();
    }
  });
/** @type {Record<string, string>} */
const LABELS = {
  'quotes that never end': '«,'.repeat(333_000),
  'spaces before quotes': `${' '.repeat(499_000)}"${' '.repeat(499_000)}`,
  'quotes in quotes': '"'.repeat(999_000),
  commas: ','.repeat(999_000),
};
for (const [name, text] of Object.entries(LABELS)) await measure(`labels: ${name}`, text, () => splitLabels(text));
for (const path of process.argv.slice(2))
  await measure(`merges: ${basename(path)}`, await readFile(path), (engine, bytes) => engine.openTokenizer(bytes).free());
process.exit(failed ? 1 : 0);
