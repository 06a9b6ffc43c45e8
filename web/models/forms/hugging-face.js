/**
 * transformers' config.json (CLIPConfig, CLIPVisionConfig, CLIPTextConfig) with everything said that the file leaves to the classes'
 * defaults: what `save_pretrained` writes holds only what differs from them. Source: configuration_clip.py and modeling_clip.py.
 */
import { ClipError } from '../../error.js';
import { Keys, isObject, unsupported } from './keys.js';
import { BERT_TYPES } from './bert.js';
import { readSiglip } from './siglip.js';

/** @typedef {import('../../engine/tower.js').TowerKind} TowerKind */

/** What PretrainedConfig writes into every file, and training's settings: nothing that the forward pass of a CLIP reads. */
export const INERT =
  /^(_.*|architectures|model_type|torch_dtype|dtype|transformers_version|transformers\.js_config|attention_dropout|dropout|hidden_dropout_prob|initializer_(factor|range)|logit_scale_init_value|return_dict|output_(hidden_states|attentions|scores)|torchscript|tie_word_embeddings|tie_encoder_decoder|chunk_size_feed_forward|id2label|label2id|(bos|pad|sep|eos|decoder_start|forced_bos|forced_eos)_token_id|max_length|min_length|num_beams|num_beam_groups|num_return_sequences|top_[kp]|typical_p|temperature|(repetition|length|diversity)_penalty|use_cache|projection_dim|is_decoder|do_sample|early_stopping|(encoder_)?no_repeat_ngram_size|attn_implementation|gradient_checkpointing|remove_invalid_values|return_dict_in_generate|bad_words_ids|custom_text_config|name_or_path|use_external_data_format|fp16|language)$/;

const TEXT = { hidden_size: 512, intermediate_size: 2048, num_hidden_layers: 12, num_attention_heads: 8 };
const VISION = { hidden_size: 768, intermediate_size: 3072, num_hidden_layers: 12, num_attention_heads: 12 };

/** @param {Keys} keys @param {typeof TEXT} defaults */
function transformer(keys, defaults) {
  const sizes = Object.fromEntries(Object.entries(defaults).map(([key, value]) => [key, keys.size(key, value)]));
  if (sizes.hidden_size % sizes.num_attention_heads)
    throw new ClipError('bad-config', `${keys.where}: ${sizes.num_attention_heads} heads do not divide a width of ${sizes.hidden_size}.`);
  return {
    ...sizes,
    hidden_act: keys.oneOf('hidden_act', ['quick_gelu', 'gelu'], 'quick_gelu'),
    layer_norm_eps: keys.number('layer_norm_eps', 1e-5),
  };
}

/** @param {unknown} json @param {string} where */
function visionConfig(json, where) {
  const keys = new Keys(json, where);
  keys.oneOf('model_type', ['clip_vision_model', 'clip', 'chinese_clip_vision_model'], 'clip_vision_model');
  const config = {
    ...transformer(keys, VISION),
    num_channels: keys.oneOf('num_channels', [3], 3),
    image_size: keys.square('image_size', 224),
    patch_size: keys.square('patch_size', 32),
  };
  keys.end(INERT);
  return config;
}

/** @param {unknown} json @param {string} where */
function textConfig(json, where) {
  const keys = new Keys(json, where);
  keys.oneOf('model_type', ['clip_text_model', 'clip'], 'clip_text_model');
  const vocabulary = keys.size('vocab_size', 49408);
  // Where a text is read: the first id that equals this one; but 2, which files had by mistake, means the largest id
  const [end, ...more] = [keys.get('eos_token_id') ?? 49407].flat();
  if (!Number.isSafeInteger(end) || more.length || end < 0)
    throw keys.refusal('eos_token_id', json && /** @type {any} */ (json).eos_token_id, 'one number');
  if (end >= vocabulary)
    throw unsupported(
      `${where}: "eos_token_id" (${end}${keys.object.eos_token_id === undefined ? ', the default' : ''}) is not among the ${vocabulary} of "vocab_size", so that no text would have an end.`,
    );
  const config = {
    ...transformer(keys, TEXT),
    max_position_embeddings: keys.size('max_position_embeddings', 77),
    vocab_size: vocabulary,
    eos_token_id: end,
  };
  keys.end(INERT);
  return config;
}

/** @param {Record<string, any>} json whether it is CLIP's, or a tower of it. @param {string} file */
function modelType(json, file) {
  if (json.auto_map) throw unsupported(`${file}: the model brings its own code ("auto_map"), which cannot run here.`);
  if (json.quantization_config)
    throw unsupported(`${file}: the weights are quantized in a way of their own ("quantization_config"); take the original.`);
  const type = json.model_type ?? 'clip';
  if (!['clip', 'clip_vision_model', 'clip_text_model', 'siglip', 'siglip2', ...Object.keys(BERT_TYPES)].includes(type))
    throw unsupported(
      `${file}: this is a model of type "${type}"; supported are CLIP's own architecture ("clip"), SigLIP's ("siglip"), and with BERT for texts ("${Object.keys(BERT_TYPES).join('", "')}").`,
    );
  return type;
}

/** Whether a config.json is of this form at all: OpenCLIP's repositories have stubs of that name. @param {Record<string, any>} json */
export const isHuggingFace = json =>
  isObject(json.vision_config) || isObject(json.text_config) || isObject(json.text_config_dict) || typeof json.model_type === 'string';

/**
 * @param {Record<string, any>} json config.json @param {string} [file]
 * @returns {{ config: Record<string, any>, kinds: TowerKind[], imageSize: number }} config with all that src/weights/config.c asks for
 */
export function readHuggingFace(json, file = 'config.json') {
  const type = modelType(json, file);
  if (type === 'siglip' || type === 'siglip2') {
    const config = readSiglip(json, file, INERT);
    return { config, kinds: ['vision', 'text'], imageSize: config.vision_config.image_size };
  }
  if (BERT_TYPES[type]) {
    const keys = new Keys(json, file);
    const config = {
      model_type: 'clip',
      projection_dim: keys.size('projection_dim', 512),
      vision_config: visionConfig(keys.get('vision_config'), `${file}, "vision_config"`),
      text_config: BERT_TYPES[type](keys.get('text_config'), `${file}, "text_config"`, INERT),
    };
    keys.end(INERT);
    return { config, kinds: ['vision', 'text'], imageSize: config.vision_config.image_size };
  }
  if (type !== 'clip') {
    // a tower alone, its configuration at the top
    const vision = type === 'clip_vision_model';
    const own = vision ? visionConfig(json, file) : textConfig(json, file);
    const empty = vision ? textConfig({}, file) : visionConfig({}, file);
    const [vision_config, text_config] = vision ? [own, empty] : [empty, own];
    const projection = new Keys(json, file).size('projection_dim', 512);
    return {
      config: { model_type: 'clip', projection_dim: projection, vision_config, text_config },
      kinds: [vision ? 'vision' : 'text'],
      imageSize: /** @type {any} */ (vision_config).image_size,
    };
  }
  const keys = new Keys(json, file);
  // Files of 2022 say it twice; what is in *_config_dict holds, with the defaults for what it leaves out
  const [vision, text] = ['vision_config', 'text_config'].map(name => {
    const older = keys.get(`${name}_dict`);
    const newer = keys.get(name);
    return older ? { ...newer, ...older, ...missing(newer, older) } : newer;
  });
  const config = {
    model_type: 'clip',
    projection_dim: keys.size('projection_dim', 512),
    vision_config: visionConfig(vision, `${file}, "vision_config"`),
    text_config: textConfig(text, `${file}, "text_config"`),
  };
  keys.end(INERT);
  return { config, kinds: ['vision', 'text'], imageSize: config.vision_config.image_size };
}

/** What the older part leaves out goes back to the class's default, which null stands for. @param {any} newer @param {any} older */
const missing = (newer, older) =>
  Object.fromEntries(Object.keys(newer ?? {}).flatMap(key => (key in older || INERT.test(key) ? [] : [[key, null]])));
