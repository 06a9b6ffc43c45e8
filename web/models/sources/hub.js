/** A repository of a hub, whose listing says what there is, so that nothing is asked for in vain. */
import { throwIfAborted } from '../../error.js';
import { HUB, HttpSource } from './http.js';
import { shown } from './wire.js';

export class HubSource extends HttpSource {
  /** @param {string} repo "owner/name" @param {{ host?: string, revision?: string, timeout?: number }} [options] */
  constructor(repo, { host = HUB, revision = 'main', timeout } = {}) {
    const hub = host.replace(/\/$/, '');
    const at = (/** @type {string} */ commit) => `${hub}/${repo}/resolve/${encodeURIComponent(commit)}/`;
    const id = (hub === HUB ? '' : `${shown(hub)}/`) + (revision === 'main' ? repo : `${repo}@${revision}`);
    super(at(revision), { id, name: repo, timeout, pin: at });
    /** What the hub says that there is. @type {{ path: string, oid?: string, lfs?: { oid?: string } }[] | null} */
    this.listing = null;
    this.listed = `${hub}/api/models/${repo}/tree/${encodeURIComponent(revision)}?recursive=true`;
  }

  /** @override @param {AbortSignal} [signal] */
  async listSums(signal) {
    await this.list(signal);
    return this.listing && new Map(this.listing.map(({ path, oid, lfs }) => [path, lfs ? { sha256: lfs.oid } : { git: oid }]));
  }

  /** Null where the hub has no such address, or will not answer now: then files are asked for by their names.
   *  @override @param {AbortSignal} [signal] @returns {Promise<Map<string, {}> | null>} */
  async list(signal) {
    try {
      const response = await fetch(this.listed, { signal: signal ?? AbortSignal.timeout(10_000) });
      const entries = response.ok ? await response.json() : null;
      if (!Array.isArray(entries)) return null;
      this.listing = entries.filter(({ type, path }) => type === 'file' && typeof path === 'string');
      return new Map(this.listing.map(({ path }) => [path, {}]));
    } catch {
      throwIfAborted(signal);
      return null;
    }
  }
}
