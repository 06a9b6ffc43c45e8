/**
 * SigLIP's configurations (also SigLIP 2's of fixed sizes, which have the same type): transformers' SiglipConfig and OpenCLIP's with timm's
 * image tower, both as a SiglipConfig with everything said. Source: configuration_siglip.py, timm's vision_transformer.py.
 */
import { ClipError } from '../../error.js';
import { Keys, isObject, unsupported } from './keys.js';

/** @param {Keys} keys @param {RegExp} inert */
function transformer(keys, inert) {
  const width = keys.size('hidden_size', 768);
  const heads = keys.size('num_attention_heads', 12);
  if (width % heads) throw new ClipError('bad-config', `${keys.where}: ${heads} heads do not divide a width of ${width}.`);
  return {
    sizes: {
      hidden_size: width,
      intermediate_size: keys.size('intermediate_size', 3072),
      num_hidden_layers: keys.size('num_hidden_layers', 12),
      num_attention_heads: heads,
      hidden_act: keys.oneOf('hidden_act', ['gelu_pytorch_tanh', 'gelu', 'quick_gelu'], 'gelu_pytorch_tanh'),
      layer_norm_eps: keys.number('layer_norm_eps', 1e-6),
    },
    end: () => keys.end(inert),
  };
}

/** @param {Record<string, any>} json config.json @param {string} file @param {RegExp} inert keys of no consequence */
export function readSiglip(json, file, inert) {
  if (json.model_type === 'siglip2')
    throw unsupported(
      `${file}: this is SigLIP 2 with pictures of any shape (NaFlex); supported are the SigLIPs of one size, such as google/siglip2-base-patch16-256.`,
    );
  const keys = new Keys(json, file);
  const vision = new Keys(keys.get('vision_config'), `${file}, "vision_config"`);
  const text = new Keys(keys.get('text_config'), `${file}, "text_config"`);
  vision.oneOf('model_type', ['siglip_vision_model'], 'siglip_vision_model');
  text.oneOf('model_type', ['siglip_text_model'], 'siglip_text_model');
  vision.oneOf('num_channels', [3], 3);
  vision.oneOf('vision_use_head', [true], true);
  const [v, t] = [transformer(vision, inert), transformer(text, inert)];
  const config = {
    model_type: 'siglip',
    vision_config: { ...v.sizes, image_size: vision.square('image_size', 224), patch_size: vision.square('patch_size', 16) },
    text_config: {
      ...t.sizes,
      max_position_embeddings: text.size('max_position_embeddings', 64),
      vocab_size: text.size('vocab_size', 32000),
      projection_size: text.size('projection_size', t.sizes.hidden_size),
    },
  };
  for (const end of [v.end, t.end, () => keys.end(inert)]) end();
  if (config.text_config.projection_size !== v.sizes.hidden_size)
    throw new ClipError(
      'bad-config',
      `${file}: texts become ${config.text_config.projection_size} numbers, but pictures ${v.sizes.hidden_size}.`,
    );
  return config;
}

/** timm's sizes: width, layers, heads, hidden width of a block. @type {Record<string, [number, number, number, number]>} */
const TIMM = {
  base: [768, 12, 12, 3072],
  large: [1024, 24, 16, 4096],
  so400m: [1152, 27, 16, 4304],
  giantopt: [1536, 40, 16, 6144],
};
const NAME = /^vit_(base|large|so400m|giantopt)_patch(14|16|32)_siglip_(\d+)$/;

/** @param {unknown} name timm_model_name */
export const isTimmSiglip = name => typeof name === 'string' && NAME.test(name);

/**
 * @param {Keys} model model_cfg @param {string} file
 * @returns {{ config: Record<string, any>, imageSize: number, clean: string }}
 */
export function readTimmSiglip(model, file) {
  const vision = new Keys(model.get('vision_cfg'), `${file}, "vision_cfg"`);
  const text = new Keys(model.get('text_cfg'), `${file}, "text_cfg"`);
  const name = vision.get('timm_model_name');
  const [, size, patch] = /** @type {RegExpExecArray} */ (NAME.exec(name));
  const [width, layers, heads, mlp] = TIMM[size];
  const tanh = (size === 'base' && patch === '32') || (size === 'so400m' && patch === '16') || size === 'giantopt';
  vision.oneOf('timm_pool', ['map'], 'map');
  vision.oneOf('timm_proj', ['none'], 'none');
  for (const key of ['timm_model_pretrained', 'timm_drop', 'timm_drop_path', 'timm_proj_bias']) vision.get(key);
  const imageSize = vision.square('image_size', 224);
  vision.end();

  const own = text.size('width', 512);
  text.oneOf('no_causal_mask', [true], true);
  text.oneOf('proj_bias', [true], true);
  text.oneOf('pool_type', ['last'], 'last');
  text.oneOf('proj_type', ['linear'], 'linear');
  const norm = new Keys(text.get('norm_kwargs'), `${text.where}, "norm_kwargs"`);
  const act = new Keys(text.get('act_kwargs'), `${text.where}, "act_kwargs"`);
  const config = {
    model_type: 'siglip',
    vision_config: {
      hidden_size: width,
      intermediate_size: mlp,
      num_hidden_layers: layers,
      num_attention_heads: heads,
      hidden_act: tanh ? 'gelu_pytorch_tanh' : 'gelu',
      layer_norm_eps: 1e-6,
      image_size: imageSize,
      patch_size: Number(patch),
    },
    text_config: {
      hidden_size: own,
      intermediate_size: Math.floor(own * text.number('mlp_ratio', 4)),
      num_hidden_layers: text.size('layers', 12),
      num_attention_heads: text.size('heads', 8),
      hidden_act: act.oneOf('approximate', ['none', 'tanh'], 'none') === 'tanh' ? 'gelu_pytorch_tanh' : 'gelu',
      layer_norm_eps: norm.number('eps', 1e-5),
      max_position_embeddings: text.size('context_length', 77),
      vocab_size: text.size('vocab_size', 49408),
      projection_size: model.size('embed_dim', 0),
    },
  };
  if (model.get('embed_dim') !== width)
    throw new ClipError(
      'bad-config',
      `${file}: "embed_dim" is ${model.get('embed_dim')}, but ${name} makes ${width} numbers of a picture.`,
    );
  text.get('hf_tokenizer_name');
  const tokenizer = new Keys(text.get('tokenizer_kwargs'), `${text.where}, "tokenizer_kwargs"`);
  const clean = tokenizer.oneOf('clean', ['canonicalize', 'whitespace', 'lower'], 'whitespace');
  for (const keys of [norm, act, tokenizer, text]) keys.end();
  for (const key of ['custom_text', 'init_logit_bias', 'init_logit_scale', 'quick_gelu', 'preprocess_cfg']) model.get(key);
  if (isObject(model.object) && model.object.quick_gelu) throw model.refusal('quick_gelu', true, 'false');
  model.end();
  return { config, imageSize, clean };
}
