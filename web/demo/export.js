/** The dialog in which a snapshot of the page is saved: as a table, as JSON, as sidecars, or as folders of photos. */
import { $, announce, closeBeside, say } from './dom.js';
import { sortInto } from './folders.js';
import { csvOf, jsonOf } from './table.js';
import { t } from './words.js';
import { sidecarsOf } from './xmp.js';
import { zipOf } from './zip.js';

/** @param {Blob} data @param {string} name */
function save(data, name) {
  const url = URL.createObjectURL(data);
  Object.assign(document.createElement('a'), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export class Export {
  #running = null;

  /** @param {{ snapshot: (selected: boolean) => import('./table.js').Snapshot, counts: () => { shown: number, selected: number },
   *  onMoved: (photos: Set<any>) => void }} parts */
  constructor(parts) {
    Object.assign(this, parts);
    const dialog = $('export-dialog');
    closeBeside(dialog);
    dialog.addEventListener('close', () => this.#running?.abort());
    for (const radio of dialog.querySelectorAll('[name="what"]')) radio.addEventListener('change', () => this.#tell());
    $('save-csv').addEventListener('click', () => this.#text(csvOf, 'text/csv', 'csv'));
    $('save-json').addEventListener('click', () => this.#text(jsonOf, 'application/json', 'json'));
    $('save-xmp').addEventListener('click', () => {
      const snapshot = this.#snapshot();
      this.#save(zipOf(sidecarsOf(snapshot.rows)), snapshot, 'xmp.zip');
    });
    for (const [id, move] of [
      ['save-copy', false],
      ['save-move', true],
    ])
      $(id).addEventListener('click', () => this.#folders(move));
    $('save-copy').hidden = $('save-move').hidden = !('showDirectoryPicker' in window);
  }

  show() {
    const { shown, selected } = this.counts();
    $('export-shown').textContent = t('exportShown', { count: t('photoCount', { n: shown }) });
    $('export-selected').textContent = t('exportSelected', { count: t('photoCount', { n: selected }) });
    $('what-box').hidden = !selected;
    $(selected ? 'what-selected' : 'what-shown').checked = true;
    say('export-done', '');
    say('export-trouble', '');
    this.#tell();
    $('export-dialog').showModal();
  }

  #snapshot() {
    return this.snapshot($('what-selected').checked);
  }

  #tell() {
    const { missing } = this.#snapshot();
    say('export-part', missing ? t('exportPart', { n: missing }) : '');
  }

  #text(textOf, type, end) {
    const snapshot = this.#snapshot();
    this.#save(new Blob([textOf(snapshot)], { type }), snapshot, end);
  }

  #save(data, { missing }, end) {
    const name = `labels${missing ? '-part' : ''}.${end}`;
    save(data, name);
    this.#done(t('exportSaved', { name }));
  }

  #done(text) {
    say('export-done', text);
    announce(text);
  }

  async #folders(move) {
    const snapshot = this.#snapshot();
    say('export-trouble', '');
    let target;
    try {
      target = await window.showDirectoryPicker({ id: 'labels', mode: 'readwrite' });
      if (move)
        for (const parent of new Set(snapshot.rows.map(({ photo }) => photo.parent).filter(Boolean)))
          await parent.requestPermission?.({ mode: 'readwrite' });
    } catch (error) {
      if (error.name !== 'AbortError') say('export-trouble', t('notOpened'));
      return;
    }
    const control = (this.#running = new AbortController());
    const all = snapshot.rows.length;
    $('export-bar').hidden = false;
    const { written, failed, kept, moved } = await sortInto(target, snapshot.rows, {
      move,
      unsure: t('folderUnsure'),
      signal: control.signal,
      onProgress: done => ($('export-bar').value = done / all),
    });
    this.#running = null;
    $('export-bar').hidden = true;
    if (moved.size) this.onMoved(moved);
    this.#done([t('exportFolders', { n: written }), kept ? t('exportKept', { n: kept }) : ''].filter(Boolean).join(' '));
    if (failed) say('export-trouble', t('exportFailed', { n: failed }));
  }
}
