/** models: those that are known to load by name, weights/models.json, and the one that comes along. */
import { readFile } from 'node:fs/promises';
import { checkManifest } from '../models/model.js';
import { Usage } from './terminal.js';

/**
 * @typedef {object} KnownModel
 * @property {string} name for people
 * @property {string} source as Clip.load takes it
 * @property {'clip-wasm' | 'safetensors' | 'torch' | 'onnx'} form of its files
 * @property {{ q8: number }} bytes that travel at the first visit when it is loaded in q8, rounded
 * @property {{ imagenet: number, source: string }} [accuracy] share of ImageNet's photos that it names right, zero-shot, as published
 * @property {string} [licence] as far as its repository says
 * @property {string[]} languages that labels may be in
 * @property {string} note
 */

const WEIGHTS = new URL('../../weights/', import.meta.url);
const json = async (/** @type {string} */ name) => JSON.parse(await readFile(new URL(name, WEIGHTS), 'utf8'));

/** The model that comes with the package, as it describes itself. @returns {Promise<KnownModel>} */
async function embedded() {
  const { name, license, towers } = checkManifest(await json('clip-mini/clip.json'));
  const q8 = Object.values(towers).reduce((sum, tower) => sum + (tower?.q8?.bytes ?? 0), 0);
  return {
    name,
    source: name,
    form: 'clip-wasm',
    bytes: { q8 },
    licence: license,
    languages: ['en', 'ko'],
    note: 'Comes with the package.',
  };
}

/** @returns {Promise<KnownModel[]>} */
export const knownModels = async () => [await embedded(), ...(await json('models.json')).models];

/** @param {{ json?: boolean }} values @param {string[]} positionals */
export async function models({ json: asJson }, positionals) {
  if (positionals.length) throw new Usage('models takes nothing but options');
  const all = await knownModels();
  if (asJson) return void process.stdout.write(`${JSON.stringify({ models: all })}\n`);
  const rows = all.map(({ source, bytes, accuracy, languages, licence, note }) => [
    source,
    `${(bytes.q8 / 1e6).toFixed(0)} MB`,
    accuracy ? `${(accuracy.imagenet * 100).toFixed(1)} %` : '',
    languages.join(', '),
    licence ?? '',
    note,
  ]);
  const table = [['MODEL', 'TO FETCH', 'IMAGENET', 'LABELS', 'LICENCE', ''], ...rows];
  const widths = table[0].map((_, column) => Math.max(...table.map(row => row[column].length)));
  for (const row of table)
    process.stdout.write(
      `${row
        .map((cell, i) => cell.padEnd(widths[i]))
        .join('  ')
        .trimEnd()}\n`,
    );
}
