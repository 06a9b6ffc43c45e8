/**
 * OpenCLIP's open_clip_config.json (with or without its wrapper "model_cfg") with everything said that its dataclasses default.
 * Source: CLIPVisionCfg and CLIPTextCfg in open_clip's model.py.
 */
import { ClipError } from '../../error.js';
import { Keys, isObject, unsupported } from './keys.js';
import { ofOpenClip } from './preprocess.js';
import { openClipText } from './bert.js';
import { isTimmSiglip, readTimmSiglip } from './siglip.js';

const INERT = /^(_|cast_dtype$|patch_dropout$|output_tokens$|attn_pooler_(queries|heads)$|tokenizer_mode$|hf_tokenizer_name$)/;
/** Settings of towers that are somebody else's; without the tower's name they mean nothing. */
const TIMM = /^timm_/;
const HF = /^hf_/;
const LITE = /^tf_efficientnet_lite[0-4]$/;

/** What a block of OpenCLIP may have that CLIP's does not. @param {Keys} keys */
function plainBlocks(keys) {
  for (const key of ['qk_norm', 'scaled_cosine_attn', 'scale_heads', 'scale_attn_inner', 'scale_attn', 'scale_fc'])
    if (keys.get(key)) throw keys.refusal(key, keys.object[key], 'false');
  if (keys.get('ls_init_value'))
    throw keys.refusal('ls_init_value', keys.object.ls_init_value, 'null: layers without a scale of their own');
  keys.oneOf('block_type', ['default', 'custom'], 'default');
  const act = new Keys(keys.get('act_kwargs'), `${keys.where}, "act_kwargs"`);
  act.oneOf('approximate', ['none'], 'none');
  act.end();
  const norm = new Keys(keys.get('norm_kwargs'), `${keys.where}, "norm_kwargs"`);
  norm.oneOf('eps', [1e-5], 1e-5);
  norm.end();
}

/** MobileCLIP's image towers of timm's: blocks of each stage, and channels of the first. @type {Record<string, [number[], number]>} */
const FASTVIT = {
  fastvit_mci0: [[2, 6, 10, 2], 64],
  fastvit_mci1: [[4, 12, 20, 4], 64],
  fastvit_mci2: [[4, 12, 24, 4], 80],
};

/** @param {Keys} keys @param {string} name */
function fastvitConfig(keys, name) {
  const [layers, width] = FASTVIT[name];
  keys.oneOf('timm_pool', ['avg', ''], 'avg');
  if (keys.get('timm_proj')) throw keys.refusal('timm_proj', keys.object.timm_proj, "null: the projection is the trunk's own");
  const config = { timm_model_name: 'fastvit', layers, width, image_size: keys.square('image_size', 224) };
  if (config.image_size % 32) throw keys.refusal('image_size', config.image_size, 'a multiple of 32');
  keys.get('timm_proj_bias');
  keys.end(new RegExp(`${INERT.source}|^timm_(drop|drop_path|model_pretrained)$`));
  return config;
}

/** MobileCLIP-B's ViT, whose patch embedding is three convolutions. @param {Keys} keys */
function convStemConfig(keys) {
  keys.oneOf('timm_pool', ['token', ''], 'avg');
  if (keys.get('timm_proj')) throw keys.refusal('timm_proj', keys.object.timm_proj, "null: the projection is the trunk's own");
  const config = { timm_model_name: 'vit_mci', image_size: keys.square('image_size', 224), layers: 12, width: 768, patch_size: 16 };
  if (config.image_size % 16) throw keys.refusal('image_size', config.image_size, 'a multiple of 16');
  keys.get('timm_proj_bias');
  keys.end(new RegExp(`${INERT.source}|^timm_(drop|drop_path|model_pretrained)$`));
  return config;
}

/** An image tower of timm's. Source: TimmModel in open_clip's timm_model.py. @param {Keys} keys @param {unknown} name */
function timmConfig(keys, name) {
  if (name === 'vit_base_mci_224') return convStemConfig(keys);
  if (Object.hasOwn(FASTVIT, String(name))) return fastvitConfig(keys, String(name));
  if (!LITE.test(String(name)))
    throw keys.refusal(
      'timm_model_name',
      name,
      "CLIP's own image towers (ViT and ModifiedResNet), tf_efficientnet_lite0 to 4, fastvit_mci0 to 2, vit_base_mci_224",
    );
  const config = {
    timm_model_name: name,
    timm_pool: keys.oneOf('timm_pool', ['avg', ''], 'avg'),
    timm_proj: keys.oneOf('timm_proj', ['linear'], 'linear'),
    timm_proj_bias: keys.flag('timm_proj_bias', false),
    image_size: keys.square('image_size', 224),
  };
  for (const key of ['layers', 'width', 'head_width', 'patch_size', 'mlp_ratio']) keys.get(key); // of a tower that is not made
  keys.end(new RegExp(`${INERT.source}|^timm_(drop|drop_path|model_pretrained)$`));
  return config;
}

/** @param {unknown} json @param {string} where */
function visionConfig(json, where) {
  const keys = new Keys(json, where);
  const timm = keys.get('timm_model_name');
  if (timm) return timmConfig(keys, timm);
  const layers = keys.get('layers') ?? 12;
  const resnet = Array.isArray(layers);
  const config = {
    image_size: keys.square('image_size', 224),
    layers: resnet ? layers : keys.size('layers', 12),
    width: keys.size('width', resnet ? 64 : 768),
    head_width: keys.size('head_width', 64),
    ...(!resnet && { patch_size: keys.square('patch_size', 16) }),
    ...(!resnet && { mlp_ratio: keys.number('mlp_ratio', 4) }),
  };
  if (resnet) for (const key of ['patch_size', 'mlp_ratio']) keys.get(key);
  plainBlocks(keys);
  if (keys.get('attentional_pool')) throw keys.refusal('attentional_pool', keys.object.attentional_pool, 'false');
  if (keys.get('no_ln_pre')) throw keys.refusal('no_ln_pre', true, 'false');
  keys.oneOf('pos_embed_type', ['learnable'], 'learnable');
  keys.oneOf('pool_type', ['tok'], 'tok');
  keys.get('final_ln_after_pool'); // of one token it is the same before and after
  keys.end(new RegExp(`${INERT.source}|${TIMM.source}`));
  return config;
}

/** @param {unknown} json @param {string} where */
function textConfig(json, where) {
  const keys = new Keys(json, where);
  const other = keys.get('hf_model_name');
  if (other) throw keys.refusal('hf_model_name', other, "CLIP's own text tower");
  const config = {
    context_length: keys.size('context_length', 77),
    vocab_size: keys.size('vocab_size', 49408),
    width: keys.size('width', 512),
    heads: keys.size('heads', 8),
    layers: keys.size('layers', 12),
    mlp_ratio: keys.number('mlp_ratio', 4),
  };
  plainBlocks(keys);
  if (keys.get('embed_cls')) throw keys.refusal('embed_cls', true, 'false');
  if (keys.get('proj_bias')) throw keys.refusal('proj_bias', true, 'false');
  keys.oneOf('proj_type', ['linear'], 'linear');
  const pool = keys.oneOf('pool_type', ['argmax', 'eos'], 'argmax');
  const end = keys.get('eos_id') ?? 2;
  if (pool === 'eos' && !(Number.isSafeInteger(end) && end >= 0 && end < config.vocab_size))
    throw keys.refusal('eos_id', end, `an id below the ${config.vocab_size} of "vocab_size"`);
  const free = keys.flag('no_causal_mask', false);
  const pad = keys.get('pad_id') ?? 0;
  if (free && pad !== 0) throw keys.refusal('pad_id', pad, '0, where texts see what fills them up');

  keys.get('final_ln_after_pool');
  const tokenizer = new Keys(keys.get('tokenizer_kwargs'), `${where}, "tokenizer_kwargs"`);
  // transformers' tokenizers make lower case by themselves; OpenCLIP's own only with "lower"
  tokenizer.oneOf('clean', keys.get('hf_tokenizer_name') ? ['lower', 'whitespace'] : ['lower'], 'lower');
  tokenizer.oneOf('strip_sep_token', [false], false);
  tokenizer.end();
  keys.end(new RegExp(`${INERT.source}|${HF.source}`));
  return { ...config, ...(free && { no_causal_mask: true }), ...(pool === 'eos' && { eos_id: end }) };
}

/** Whether a JSON is of this form. @param {Record<string, any>} json */
export const isOpenClip = json => isObject((json.model_cfg ?? json).vision_cfg);

/**
 * @param {Record<string, any>} json @param {string} file
 * @returns {{ config: Record<string, any>, imageSize: number, preprocess: import('./preprocess.js').Preprocess, clean?: string,
 *   knowledge?: { min_norm: number } }} clean: what
 *   OpenCLIP does to texts before a tokenizer of transformers' sees them
 */
export function readOpenClip(json, file) {
  const keys = new Keys(json.model_cfg ?? json, file);
  if (keys.get('multimodal_cfg')) throw unsupported(`${file}: this is a CoCa ("multimodal_cfg"); supported is CLIP's own architecture.`);
  if (isTimmSiglip(keys.get('vision_cfg')?.timm_model_name)) {
    const found = readTimmSiglip(keys, file);
    return { ...found, preprocess: ofOpenClip(json.preprocess_cfg, found.imageSize, file) };
  }
  const embedding = keys.get('embed_dim');
  if (!Number.isSafeInteger(embedding)) throw new ClipError('bad-config', `${file}: "embed_dim" is missing.`);
  const bert = keys.get('text_cfg')?.hf_model_name ? openClipText(new Keys(keys.get('text_cfg'), `${file}, "text_cfg"`), embedding) : null;
  const config = {
    embed_dim: keys.size('embed_dim', 0),
    quick_gelu: keys.flag('quick_gelu', false),
    vision_cfg: visionConfig(keys.get('vision_cfg'), `${file}, "vision_cfg"`),
    text_cfg: bert ? bert.config : textConfig(keys.get('text_cfg'), `${file}, "text_cfg"`),
  };
  keys.get('custom_text'); // other names for the same tensors
  keys.get('init_logit_scale');
  keys.get('init_logit_bias'); // the weights have what became of it
  keys.get('nonscalar_logit_scale');
  const { knowledge } = keys.get('custom') ?? {}; // what its makers say besides; of the rest nobody makes anything
  if (json.model_cfg === undefined) keys.get('preprocess_cfg');
  keys.end(INERT);
  const { image_size: imageSize } = config.vision_cfg;
  return { config, imageSize, preprocess: ofOpenClip(json.preprocess_cfg, imageSize, file), clean: bert?.clean, knowledge };
}
