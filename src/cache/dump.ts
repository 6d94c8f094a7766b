import { InvalidOptionError } from '../core/errors.js';
import type { CacheDump, DumpedEntry } from './cache.js';

/** A copy of the entries, each number in its range: a dump may come from a file. */
export function checkDump<K, V>(owner: string, dump: CacheDump<K, V>): DumpedEntry<K, V>[] {
  if (typeof dump !== 'object' || dump === null || !Array.isArray(dump.entries)) {
    throw new InvalidOptionError(owner, 'dump', 'must be what dump() gave', dump);
  }
  return dump.entries.map((entry: DumpedEntry<K, V>) => {
    if (typeof entry !== 'object' || entry === null || !('key' in entry)) {
      throw new InvalidOptionError(owner, 'dump.entries', 'must be what dump() gave', entry);
    }
    for (const name of ['expiresInMs', 'ttlMs', 'weight', 'uses'] as const) {
      const value: unknown = entry[name];
      if (value !== undefined && !(typeof value === 'number' && value >= 0)) {
        throw new InvalidOptionError(owner, `dump.entries.${name}`, 'must be a number ≥ 0', value);
      }
    }
    return entry;
  });
}
