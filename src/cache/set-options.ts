import { toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { NOTHING, unpolluted } from '../core/options.js';
import type { SetOptions } from './cache.js';

interface CheckedSetOptions {
  readonly ttlMs: number | undefined;
  /** Not checked yet: `Weights.weigh` does that. */
  readonly weight: number | undefined;
}

/** Checks what a caller gives to `set` besides the key and the value. */
export function checkSetOptions(owner: string, hasWeights: boolean, options: SetOptions): CheckedSetOptions {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidOptionError(owner, 'options', 'must be an object', options);
  }
  const isPolluted = (NOTHING.ttl ?? NOTHING.weight) !== undefined;
  const { ttl, weight } = isPolluted ? unpolluted(options, ['ttl', 'weight']) : options;
  if (weight !== undefined && !hasWeights) {
    throw new InvalidOptionError(owner, 'weight', 'needs a cache with "maxWeight"', weight);
  }
  return { ttlMs: ttl === undefined ? undefined : toMs(owner, 'ttl', ttl, { orInfinity: true }), weight };
}
