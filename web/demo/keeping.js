/** What is remembered if somebody says so, and how all of it is forgotten. */
import { desk, wordsOf } from './desk.js';
import { $, announce, closeBeside, say } from './dom.js';
import { bytes, t } from './words.js';

const listOf = ({ embeddings, labels, models, bytes: size }) =>
  [
    embeddings && t('forgetEmbeddings', { n: embeddings }),
    labels && t('forgetLabels', { n: labels }),
    models && t('forgetModels', { n: models, size: bytes(size) }),
  ]
    .filter(Boolean)
    .join(t('listAnd'));

/** What is there already is remembered too. @param {HTMLInputElement} box */
export async function remember(box) {
  const { chips, library, memory, models } = desk;
  box.checked = (await memory.turn(box.checked)) && box.checked;
  if (!memory.on || !models.model) return;
  memory.keepLabels(wordsOf(chips.labels));
  const { vectors, fingerprint } = models.model;
  for (const photo of library.photos)
    if (vectors.has(photo) && !photo.sample) await memory.keep(fingerprint, photo.file, vectors.of(photo));
}

/** Says what there is, and asks whether it may go. */
export async function ask() {
  const list = listOf(await desk.memory.inventory());
  $('forget-what').textContent = list ? t('forgetHas', { list }) : t('forgetNothing');
  $('forget-go').disabled = !list;
  $('forget-dialog').showModal();
}

closeBeside($('forget-dialog'));
$('forget-go').addEventListener('click', async () => {
  const list = listOf(await desk.memory.forget());
  $('remember').checked = false;
  say('warnings', t('forgotten', { list }));
  announce(t('forgotten', { list }));
});
