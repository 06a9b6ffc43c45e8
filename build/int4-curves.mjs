// Fits the curves of int4 weights (src/weights/quantize.h) and prints the table of src/weights/quantize_q4.c:  node build/int4-curves.mjs   (a minute)
//
// Lloyd's algorithm over groups of 8: each group goes to the curve, or mirror image of one, that is nearest; then each level becomes the
// mean of the numbers nearest to it. Rows of 768 numbers, Gaussian and nearly so (sums of four uniform ones, whose tails are light), Laplace
// and Student's t with 6 degrees; each kind is scaled so that its error is least. Deterministic.

const CURVES = 16,
  GROUP = 8,
  WIDTH = 768,
  ROUNDS = 60,
  ZERO = 7;

let state = 0x9e3779b9;
/** @returns {number} 0..1, neither of them */
function uniform() {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return ((state >>> 0) + 0.5) / 4294967296;
}
const gauss = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
const KINDS = [
  { rows: 240, reach: 4.4, draw: gauss },
  { rows: 140, reach: 4.4, draw: () => uniform() + uniform() + uniform() + uniform() - 2 },
  { rows: 60, reach: 5, draw: () => gauss() * Math.sqrt(-Math.log(uniform())) },
  { rows: 80, reach: 5.8, draw: () => gauss() / Math.sqrt([0, 0, 0, 0, 0, 0].reduce(sum => sum + gauss() ** 2, 0)) },
];

/** levels[k]: 16 numbers in ascending order; the second half of the table are mirror images. */
const levels = Array.from({ length: 2 * CURVES }, () => new Float64Array(16));
const middles = levels.map(() => new Float64Array(15));
function complete() {
  for (let k = 0; k < CURVES; k++) for (let i = 0; i < 16; i++) levels[k + CURVES][15 - i] = -levels[k][i];
  for (let k = 0; k < 2 * CURVES; k++) for (let i = 0; i < 15; i++) middles[k][i] = (levels[k][i] + levels[k][i + 1]) / 2;
}

/** To begin with: a curve that bends and leans. Curve 0 is for rows with outliers, and stays. */
for (let k = 0; k < CURVES; k++)
  for (let i = 0; i < 16; i++) {
    const t = (2 * i - 15) / 15,
      u = Math.max(0, (k - 1) / (CURVES - 2)),
      bend = 0.2 + 0.3 * u,
      reach = 0.3 ** (1 - u) * (k ? 1 : 0.4);
    levels[k][i] = i === ZERO ? 0 : (127 / 1.17) * reach * ((1 - bend) * t + bend * t ** 3 + 0.02 + 0.15 * t * t);
  }
complete();

function code(curve, x) {
  const m = middles[curve];
  let at = 0;
  for (let step = 8; step; step >>= 1) if (x > m[at + step - 1]) at += step;
  return at;
}

/** The curve nearest to x[first..first + 8] times scale, and the squared error. */
function nearest(x, first, scale) {
  let least = Infinity,
    curve = 0;
  for (let k = 0; k < 2 * CURVES; k++) {
    let error = 0;
    for (let i = first; i < first + GROUP && error < least; i++) error += (x[i] * scale - levels[k][code(k, x[i] * scale)]) ** 2;
    if (error < least) [least, curve] = [error, k];
  }
  return { curve, error: least };
}

function errorOf(row, reach) {
  let error = 0;
  for (let i = 0; i < WIDTH; i += GROUP) error += nearest(row, i, 127 / reach).error;
  return (error * (reach / 127) ** 2) / WIDTH;
}

/** A row of deviation 1. */
function makeRow(draw) {
  const row = Float64Array.from({ length: WIDTH }, draw),
    rms = Math.hypot(...row) / Math.sqrt(WIDTH);
  return row.map(x => x / rms);
}

/** The reach at which a row's error is least. */
function bestReach(row) {
  let least = Infinity,
    best = 0;
  for (let reach = 3; reach < 9; reach *= 1.05) {
    const error = errorOf(row, reach);
    if (error < least) [least, best] = [error, reach];
  }
  return { reach: best, error: least };
}
const mean = values => values.reduce((a, b) => a + b, 0) / values.length;

const rows = KINDS.map(({ rows, draw }) => Array.from({ length: rows }, () => makeRow(draw)));
const others = KINDS.map(({ draw }) => Array.from({ length: 16 }, () => makeRow(draw)));
const report = what =>
  console.error(what.padEnd(10), others.map(kind => mean(kind.map(row => bestReach(row).error)).toFixed(6)).join('  '));

report('begin');
for (let round = 1; round <= ROUNDS; round++) {
  const sums = levels.map(() => new Float64Array(16)),
    counts = levels.map(() => new Float64Array(16));
  KINDS.forEach((kind, n) => {
    if (round % 20 === 0) kind.reach = mean(rows[n].slice(0, 12).map(row => bestReach(row).reach));
    rows[n].forEach((row, r) => {
      const scale = 127 / (kind.reach * (0.96 + (0.08 * ((r * 7 + round) % 11)) / 10)); // rows' best scales differ
      for (let first = 0; first < WIDTH; first += GROUP) {
        const { curve } = nearest(row, first, scale),
          mirror = curve >= CURVES;
        for (let i = first; i < first + GROUP; i++) {
          const at = code(curve, row[i] * scale),
            to = mirror ? 15 - at : at;
          sums[curve % CURVES][to] += mirror ? -row[i] * scale : row[i] * scale;
          counts[curve % CURVES][to]++;
        }
      }
    });
  });
  for (let k = 1; k < CURVES; k++)
    for (let i = 0; i < 16; i++) if (i !== ZERO && counts[k][i] > 3) levels[k][i] = Math.min(127, sums[k][i] / counts[k][i]);
  complete();
  if (round % 20 === 0) report(`round ${round}`);
}
for (const curve of levels) curve.forEach((level, i) => (curve[i] = Math.round(level)));
complete();
report('rounded');
for (const curve of levels.slice(0, CURVES)) console.log(`    {${[...curve].map(level => level + 0).join(', ')}},`);
