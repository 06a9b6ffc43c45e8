/**
 * Text towers of BERT's family beside CLIP's image tower: Chinese-CLIP, VisionTextDualEncoder and OpenCLIP's `hf_model_name`. Each is said
 * in the words of src/weights/config.c: one encoder, and where the tokens begin, what is pooled and how that is projected.
 * Source: modeling_chinese_clip.py, modeling_vision_text_dual_encoder.py, open_clip's hf_model.py.
 */
import { ClipError } from '../../error.js';
import { Keys, unsupported } from './keys.js';

/** Of what BERT's configurations hold: nothing that the forward pass reads where it encodes a text. */
const INERT =
  /^(hidden_dropout_prob|attention_probs_dropout_prob|classifier_dropout|layer_norm_eps|pooler_(fc_size|num_attention_heads|num_fc_layers|size_per_head|type)|directionality|add_cross_attention|cross_attention_hidden_size|is_decoder|gradient_checkpointing|use_cache|position_embedding_type|output_past|pruned_heads|problem_type)$/;

/** @param {Keys} keys @param {Record<string, number>} defaults @returns {Record<string, any>} */
function encoder(keys, defaults) {
  const config = {
    model_type: 'bert',
    hidden_size: keys.size('hidden_size', defaults.hidden_size),
    intermediate_size: keys.size('intermediate_size', defaults.intermediate_size),
    num_hidden_layers: keys.size('num_hidden_layers', defaults.num_hidden_layers),
    num_attention_heads: keys.size('num_attention_heads', defaults.num_attention_heads),
    hidden_act: keys.oneOf('hidden_act', ['gelu', 'gelu_pytorch_tanh', 'quick_gelu'], 'gelu'),
    layer_norm_eps: keys.number('layer_norm_eps', 1e-12),
    max_position_embeddings: keys.size('max_position_embeddings', 512),
    vocab_size: keys.size('vocab_size', defaults.vocab_size),
    type_vocab_size: keys.size('type_vocab_size', 2),
  };
  keys.oneOf('position_embedding_type', ['absolute'], 'absolute');
  keys.oneOf('is_decoder', [false], false);
  if (config.hidden_size % config.num_attention_heads)
    throw new ClipError('bad-config', `${keys.where}: ${config.num_attention_heads} heads do not divide a width of ${config.hidden_size}.`);
  return config;
}

const BASE = { hidden_size: 768, intermediate_size: 3072, num_hidden_layers: 12, num_attention_heads: 12 };
/** RoBERTa counts positions from the id of its padding on. */
const FAMILIES = {
  bert: { vocab_size: 30522, first: 0 },
  roberta: { vocab_size: 50265, first: 2 },
  'xlm-roberta': { vocab_size: 30522, first: 2 },
};

/** @param {unknown} json @param {string} where @param {RegExp} inert Hugging Face's own */
export function chineseText(json, where, inert) {
  const keys = new Keys(json, where);
  keys.oneOf('model_type', ['chinese_clip_text_model'], 'chinese_clip_text_model');
  const config = { ...encoder(keys, { ...BASE, vocab_size: 30522 }), pool: 'first' };
  keys.end(new RegExp(`${inert.source}|${INERT.source}`));
  return config;
}

/** @param {unknown} json the text_config of a VisionTextDualEncoder @param {string} where @param {RegExp} inert */
export function dualText(json, where, inert) {
  const keys = new Keys(json, where);
  const type = /** @type {keyof typeof FAMILIES} */ (keys.oneOf('model_type', Object.keys(FAMILIES), 'bert'));
  const family = FAMILIES[type];
  const padding = keys.get('pad_token_id') ?? (family.first ? 1 : 0);
  if (family.first && padding !== 1) throw keys.refusal('pad_token_id', padding, '1');
  const config = encoder(keys, { ...BASE, vocab_size: family.vocab_size });
  keys.end(new RegExp(`${inert.source}|${INERT.source}`));
  return { ...config, ...(family.first && { first_position: family.first }), pool: 'pooler' };
}

/** What OpenCLIP's names stand for on the hub. @type {Record<string, Record<string, number>>} */
const NAMED = {
  'xlm-roberta-base': { ...BASE },
  'xlm-roberta-large': { hidden_size: 1024, intermediate_size: 4096, num_hidden_layers: 24, num_attention_heads: 16 },
};

/** @param {Keys} keys text_cfg, with a hf_model_name @param {number} embedding @returns {{ config: Record<string, any>, clean: string }} */
export function openClipText(keys, embedding) {
  const name = String(keys.get('hf_model_name')).replace(/^FacebookAI\//, '');
  if (!Object.hasOwn(NAMED, name))
    throw keys.refusal('hf_model_name', keys.object.hf_model_name, `CLIP's own text tower, ${Object.keys(NAMED).join(' or ')}`);
  const sizes = NAMED[name];
  const pools = { mean_pooler: 'mean', cls_pooler: 'pooler', cls_last_hidden_state_pooler: 'first' };
  const pool = /** @type {keyof typeof pools} */ (keys.oneOf('hf_pooler_type', Object.keys(pools), 'mean_pooler'));
  const projection = keys.oneOf('hf_proj_type', ['mlp', 'linear'], 'mlp');
  keys.get('hf_model_pretrained');
  keys.get('hf_tokenizer_name');
  const tokenizer = new Keys(keys.get('tokenizer_kwargs'), `${keys.where}, "tokenizer_kwargs"`);
  const clean = tokenizer.oneOf('clean', ['whitespace', 'lower', 'canonicalize'], 'whitespace');
  tokenizer.end();
  const config = {
    model_type: 'bert',
    ...sizes,
    hidden_act: 'gelu',
    layer_norm_eps: 1e-5,
    max_position_embeddings: 514,
    first_position: 2,
    context_length: keys.size('context_length', 77),
    vocab_size: 250002,
    type_vocab_size: 1,
    pool: pools[pool],
    ...(projection === 'mlp' && { projection_hidden: Math.floor((sizes.hidden_size + embedding) / 2) }),
  };
  keys.end();
  return { config, clean };
}

/** The types of Hugging Face's models that have such a text tower, and what each says of it. @type {Record<string, typeof dualText>} */
export const BERT_TYPES = { chinese_clip: chineseText, 'vision-text-dual-encoder': dualText };

/** sentence-transformers' text tower over DistilBERT: the encoder's config.json, and what its modules for pooling and the dense layer say.
 *  @param {{ encoder: unknown, pooling: unknown, dense: unknown, length: unknown }} json length: of a text, in tokens @param {RegExp} inert
 *  @returns {Record<string, any>} the configuration of a text half */
export function sentenceConfig({ encoder: json, pooling, dense, length }, inert) {
  const keys = new Keys(json, 'config.json');
  keys.oneOf('model_type', ['distilbert'], 'distilbert');
  keys.oneOf('sinusoidal_pos_embds', [false, true], false); // how positions were begun with; the weights have what became of them
  const config = {
    model_type: 'bert',
    hidden_size: keys.size('dim', 768),
    intermediate_size: keys.size('hidden_dim', 3072),
    num_hidden_layers: keys.size('n_layers', 6),
    num_attention_heads: keys.size('n_heads', 12),
    hidden_act: keys.oneOf('activation', ['gelu'], 'gelu'),
    layer_norm_eps: 1e-12,
    max_position_embeddings: keys.size('max_position_embeddings', 512),
    vocab_size: keys.size('vocab_size', 30522),
    type_vocab_size: 0,
    pool: 'mean',
  };
  keys.end(new RegExp(`${inert.source}|${INERT.source}|^((attention_|qa_|seq_classif_)?dropout|tie_weights_|output_hidden_states)$`));
  if (config.hidden_size % config.num_attention_heads)
    throw new ClipError('bad-config', `config.json: ${config.num_attention_heads} heads do not divide a width of ${config.hidden_size}.`);
  const pool = new Keys(pooling, '1_Pooling/config.json');
  pool.oneOf('word_embedding_dimension', [config.hidden_size], config.hidden_size);
  pool.oneOf('pooling_mode_mean_tokens', [true], false);
  pool.get('include_prompt');
  pool.end();
  const last = new Keys(dense, '2_Dense/config.json');
  last.oneOf('in_features', [config.hidden_size], 0);
  last.oneOf('bias', [false], true);
  last.oneOf('activation_function', ['torch.nn.modules.linear.Identity'], '');
  const projection = last.size('out_features', 0);
  last.end();
  const most = new Keys({ length }, 'sentence_bert_config.json').size('length', config.max_position_embeddings);
  const context = Math.min(most, config.max_position_embeddings);
  return { model_type: 'clip', projection_dim: projection, vision_config: {}, text_config: { ...config, context_length: context } };
}

/** A tokenizer.json for a model that has only BERT's vocab.txt. @param {string} text of vocab.txt @param {Record<string, any>} settings
 *  tokenizer_config.json */
export function bertTokenizer(text, settings) {
  const lines = text.replace(/\r/g, '').replace(/\n$/, '').split('\n');
  const vocab = Object.fromEntries(lines.map((line, id) => [line, id]));
  if (Object.keys(vocab).length !== lines.length) throw new ClipError('bad-tokenizer', 'vocab.txt has a line twice.');
  const lowercase = settings.do_lower_case ?? true;
  const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'].filter(token => token in vocab);
  for (const token of ['[CLS]', '[SEP]', '[UNK]'])
    if (!(token in vocab)) throw unsupported(`vocab.txt has no ${token}; supported is BERT's own.`);
  return {
    added_tokens: special.map(content => ({ id: vocab[content], content, special: true, normalized: false })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: settings.tokenize_chinese_chars ?? true,
      strip_accents: settings.strip_accents ?? null,
      lowercase,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'BertProcessing', cls: ['[CLS]', vocab['[CLS]']], sep: ['[SEP]', vocab['[SEP]']] },
    model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab },
  };
}
