/** Both projects in one run: the side-by-side benchmark's own harness, with our page as its subject. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { BUNDLE } from './bundle.mjs';

/** What is compared: the harness's suite and key, what to call it, and what counts: CPU time, wall time, or memory. */
const ROWS = [
  ['vision', 'image_encode_ms', 'image encode', 'cpu'],
  ['text', 'text10_pad_longest', '10 new labels', 'cpu'],
  ['text', 'text100_pad_longest', '100 new labels', 'cpu'],
  ['pipe', 'labels1', 'whole call, 1 label', 'cpu'],
  ['pipe', 'labels10', 'whole call, 10 labels', 'cpu'],
  ['pipe', 'labels100', 'whole call, 100 labels', 'cpu'],
  ['pipe', 'longest_main_thread_block_ms', 'longest main-thread block', 'wall'],
  ['cold', 'total_ms', 'page opened to first answer, cached', 'wall'],
  ['cold', 'proc', 'renderer peak', 'peak'],
];

const value = (entry, kind) => {
  if (kind === 'peak') return entry?.peak_rss_MB;
  if (typeof entry === 'number') return entry;
  if (Array.isArray(entry)) return [...entry].sort((a, b) => a - b)[entry.length >> 1];
  return kind === 'cpu' ? (entry?.cpu_all ?? entry?.med) : entry?.med;
};

/** @param {{ folder: string, cache: string, root: string, dtypes: string[], n: string, warm: string,
 *  row: (what: string, value: number, unit: string, more?: string) => void, note: (text: string) => void }} options */
export async function runPeer({ folder, cache, root, dtypes, n, warm, row, note }) {
  const peer = path.join(cache, 'bench', 'peer'); // its models are made from data/ two folders up
  fs.mkdirSync(peer, { recursive: true });
  fs.cpSync(folder, peer, { recursive: true });
  for (const entry of fs.readdirSync(peer, { recursive: true, withFileTypes: true }))
    fs.chmodSync(path.join(entry.parentPath ?? entry.path, entry.name), entry.isDirectory() ? 0o755 : 0o644);
  fs.rmSync(path.join(cache, 'data'), { recursive: true, force: true });
  fs.symlinkSync(path.join(folder, '../../data'), path.join(cache, 'data'));
  if (!fs.existsSync(path.join(peer, 'node_modules'))) {
    note('installing transformers.js');
    execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: peer,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
    });
  }
  const peerNames = { q8: 'q8', q4: 'q4', f32: 'fp32' };
  execFileSync(process.execPath, ['make-models.mjs', 'models/clip-b32', dtypes.map(d => peerNames[d]).join(',')], {
    cwd: peer,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  for (const dtype of dtypes) {
    const out = path.join(cache, `peer-${dtype}.json`);
    note(`measuring both in ${dtype}; some minutes`);
    execFileSync(
      process.execPath,
      [
        'bench.mjs',
        '--suites',
        'vision,text,pipe,cold',
        '--dtypes',
        peerNames[dtype],
        '--threads',
        '1',
        '--builds',
        'asyncify,plain',
        '--n',
        n,
        '--warm',
        warm,
        '--coldruns',
        '3',
        '--out',
        out,
        '--subject',
        `ours=/ours/${BUNDLE}/bench.html`,
        '--mount',
        `/ours/=${root}`,
        '--mount',
        `/our-models/=${path.join(cache, 'models')}/`,
      ],
      { cwd: peer, stdio: ['ignore', 'ignore', 'inherit'], maxBuffer: 1 << 28 },
    );
    const table = JSON.parse(fs.readFileSync(out.replace('.json', '.table.json'), 'utf8'));
    for (const [suite, key, what, kind] of ROWS) {
      const at = who => value(table[`${suite} ${who} ${peerNames[dtype]} t1${suite === 'cold' ? ' cached' : ''}`]?.[key], kind);
      const ours = at('ours');
      for (const build of ['plain', 'asyncify']) {
        const theirs = at(`transformers.js/${build}`);
        if (ours != null && theirs != null) {
          const ratio = ours / theirs;
          if (!(ratio > 0.001 && ratio < 1000))
            throw new Error(`${dtype}, ${what}: ${ours} against ${theirs} cannot be; nothing was measured`);
          row(
            `${dtype}, ${what}, against the ${build} build`,
            ours,
            { cpu: 'ms CPU', wall: 'ms', peak: 'MB' }[kind],
            `transformers.js ${theirs.toFixed(1)}, ratio ${ratio.toFixed(2)}`,
          );
        }
      }
    }
  }
}
