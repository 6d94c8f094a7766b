import { InvalidOptionError } from '../core/errors.js';
import type { CacheDump, DumpedEntry } from './cache.js';

/** An entry that is fit to be stored. */
export interface CheckedEntry<K, V> extends DumpedEntry<K, V> {
  readonly weight: number;
}

/** A copy of the entries, each number in its range: a dump may come from a file. */
export function checkDump<K, V>(
  owner: string,
  dump: CacheDump<K, V>,
  weigh: (key: K, value: V, weight: number | undefined) => number,
): CheckedEntry<K, V>[] {
  if (typeof dump !== 'object' || dump === null || !Array.isArray(dump.entries)) {
    throw new InvalidOptionError(owner, 'dump', 'must be what dump() gave', dump);
  }
  return Array.from(dump.entries, (entry: DumpedEntry<K, V>) => {
    if (typeof entry !== 'object' || entry === null || !('key' in entry)) {
      throw new InvalidOptionError(owner, 'dump.entries', 'must be what dump() gave', entry);
    }
    for (const name of ['expiresInMs', 'ttlMs', 'uses'] as const) {
      const value: unknown = entry[name];
      if (value !== undefined && !(typeof value === 'number' && value >= 0)) {
        throw new InvalidOptionError(owner, `dump.entries.${name}`, 'must be a number ≥ 0', value);
      }
    }
    return { ...entry, weight: weigh(entry.key, entry.value, entry.weight) };
  });
}
