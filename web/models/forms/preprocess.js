/**
 * How a model wants its pictures, from the three ways in which that is written down: transformers' preprocessor_config.json (or the part
 * "image_processor" of processor_config.json), OpenCLIP's "preprocess_cfg", and nothing at all.
 */
import { ClipError } from '../../error.js';
import { Keys, isObject, unsupported } from './keys.js';

/** `size` pixels a side, cut from a picture whose short side was brought to `shorter` (`size` where absent; 0: both sides are brought to
 *  `size`, whatever the proportions), by `filter` (bicubic where absent), then (value / 255 - mean) / std.
 *  @typedef {{ size: number, mean: number[], std: number[], shorter?: number, filter?: 'bilinear' }} Preprocess */

/** OpenAI's, and almost everybody's. */
export const MEAN = [0.48145466, 0.4578275, 0.40821073];
export const STD = [0.26862954, 0.26130258, 0.27577711];
const HALF = [0.5, 0.5, 0.5];

/** Pillow's numbers. */
const FILTERS = ['nearest', 'Lanczos', 'bilinear', 'bicubic', 'box', 'Hamming'];

/** transformers' image processors by what they do where a file leaves it out. */
const PROCESSORS = [
  { name: /^(CLIP|ChineseCLIP)(ImageProcessor|FeatureExtractor)(Fast|Pil)?$/, resample: 3, crop: true, mean: MEAN, std: STD },
  { name: /^Siglip(ImageProcessor)(Fast|Pil)?$/, resample: 3, crop: false, mean: HALF, std: HALF },
  { name: /^ViT(ImageProcessor|FeatureExtractor)(Fast|Pil)?$/, resample: 2, crop: false, mean: HALF, std: HALF },
];
const INERT =
  /^(_|processor_class$|image_processor_type$|feature_extractor_type$|do_convert_rgb$|return_tensors$|data_format$|input_data_format$|device$|disable_grouping$|image_seq_length$|auto_map$)/;

/** @param {Preprocess} preprocess without what is the default anyway */
const lean = ({ size, mean, std, shorter, filter }) => ({
  size,
  mean,
  std,
  ...(shorter !== undefined && shorter !== size && { shorter }),
  ...(filter && { filter }),
});

/** @param {Keys} keys @param {string} key @param {number[]} otherwise @returns {number[]} */
function triple(keys, key, otherwise) {
  const given = keys.get(key) ?? otherwise;
  const value = typeof given === 'number' ? [given, given, given] : given;
  if (!Array.isArray(value) || value.length !== 3 || !value.every(x => typeof x === 'number' && Number.isFinite(x)))
    throw new ClipError('bad-config', `${keys.where}: "${key}" is not three numbers.`);
  return value;
}

/** Height and width, or the short side. @param {Keys} keys @param {string} key @param {unknown} value
 *  @returns {{ square?: number, shorter?: number }} */
function sizeOf(keys, key, value) {
  if (Number.isSafeInteger(value)) return { shorter: Number(value) };
  if (Array.isArray(value) && value.length === 2 && value[0] === value[1]) return { square: value[0] };
  if (isObject(value)) {
    const { height, width, shortest_edge: shorter, ...rest } = value;
    const more = Object.values(rest).some(other => other !== null);
    if (!more && shorter === undefined && Number.isSafeInteger(height) && height === width) return { square: height };
    if (!more && height === undefined && width === undefined && Number.isSafeInteger(shorter)) return { shorter };
  }
  throw keys.refusal(key, value, 'a number, {"shortest_edge"}, or {"height", "width"} of one size');
}

/**
 * @param {Record<string, any> | null} json preprocessor_config.json @param {number} imageSize what the model sees
 * @param {string} [file] @returns {Preprocess}
 */
export function ofImageProcessor(json, imageSize, file = 'preprocessor_config.json') {
  if (!json) return { size: imageSize, mean: MEAN, std: STD };
  const keys = new Keys(json, file);
  const type = keys.get('image_processor_type') ?? keys.get('feature_extractor_type') ?? 'CLIPImageProcessor';
  const processor = PROCESSORS.find(({ name }) => name.test(type));
  if (!processor) throw keys.refusal('image_processor_type', type, 'CLIPImageProcessor, SiglipImageProcessor or ViTImageProcessor');
  const resize = keys.flag('do_resize', true);
  const crops = keys.flag('do_center_crop', processor.crop);
  const rescales = keys.flag('do_rescale', true);
  const factor = keys.number('rescale_factor', 1 / 255);
  const normalizes = keys.flag('do_normalize', true);
  const resample = keys.get('resample') ?? processor.resample;
  let mean = triple(keys, 'image_mean', processor.mean);
  let std = triple(keys, 'image_std', processor.std);
  const wanted = keys.get('size') ?? (processor.crop ? { shortest_edge: 224 } : 224);
  let size = sizeOf(keys, 'size', wanted);
  // a plain number is the short side for those that crop, both sides for the others
  if (!processor.crop && typeof wanted === 'number') size = { square: wanted };
  const crop = sizeOf(keys, 'crop_size', keys.get('crop_size') ?? imageSize);
  keys.get('default_to_square');
  keys.get('do_pad');
  if (json.do_pad === true) throw keys.refusal('do_pad', true, 'false');
  keys.end(INERT);

  if (resample !== 2 && resample !== 3)
    throw unsupported(`${file}: "resample" is ${resample} (${FILTERS[resample] ?? 'unknown'}); supported is 2 (bilinear) and 3 (bicubic).`);
  if (!resize) throw keys.refusal('do_resize', false, 'true: pictures of any size would not fit the model');
  const side = crops ? (crop.square ?? crop.shorter) : (size.square ?? size.shorter);
  if (side !== imageSize)
    throw new ClipError('bad-config', `${file}: pictures are prepared at ${side} pixels, but the model sees ${imageSize}.`);
  const before = size.square ?? size.shorter ?? 0;
  if (before < imageSize)
    throw unsupported(
      `${file}: pictures are resized to ${before} pixels and then cropped to ${imageSize}, which would leave a black frame.`,
    );
  if (size.square && size.square !== imageSize)
    throw unsupported(`${file}: "size" is square and larger than "crop_size"; supported is one size for both, or a "shortest_edge".`);
  if (!crops && size.shorter)
    throw keys.refusal('do_center_crop', false, 'true with a "shortest_edge": pictures that are not square would not fit');
  if (!normalizes)
    [mean, std] = [
      [0, 0, 0],
      [1, 1, 1],
    ];
  // the core divides values by 255; whoever rescales otherwise, or not at all, has other means and deviations in those units
  const unit = 255 * (rescales ? factor : 1);
  if (Math.abs(unit - 1) > 1e-6) [mean, std] = [mean, std].map(values => values.map(x => x / unit));
  return lean({ size: imageSize, mean, std, shorter: size.square ? 0 : size.shorter, filter: resample === 2 ? 'bilinear' : undefined });
}

/** @param {unknown} json "preprocess_cfg" @param {number} imageSize @param {string} file @returns {Preprocess} */
export function ofOpenClip(json, imageSize, file) {
  const keys = new Keys(json, `${file}, "preprocess_cfg"`);
  keys.oneOf('mode', ['RGB'], 'RGB');
  const side = keys.square('size', imageSize);
  const mean = triple(keys, 'mean', MEAN);
  const std = triple(keys, 'std', STD);
  // "random" is for training; whoever evaluates with it gets bicubic
  const interpolation = keys.oneOf('interpolation', ['bicubic', 'bilinear', 'random'], 'bicubic');
  const mode = keys.oneOf('resize_mode', ['shortest', 'squash'], 'shortest');
  keys.get('fill_color'); // of what "longest" leaves over
  keys.end();
  if (side !== imageSize)
    throw new ClipError('bad-config', `${file}: pictures are prepared at ${side} pixels, but the model sees ${imageSize}.`);
  return lean({
    size: imageSize,
    mean,
    std,
    shorter: mode === 'squash' ? 0 : imageSize,
    filter: interpolation === 'bilinear' ? 'bilinear' : undefined,
  });
}

/** The core's view of it. @param {Preprocess | undefined} preprocess @param {number} size @returns {import('../../engine/pictures.js').Crop} */
export const cropFor = (preprocess, size) => ({
  size,
  shorter: preprocess?.shorter ?? size,
  bilinear: preprocess?.filter === 'bilinear',
});
