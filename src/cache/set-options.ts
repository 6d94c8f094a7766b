import { toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { NOTHING, unpolluted } from '../core/options.js';
import type { SetOptions } from './cache.js';

interface CheckedSetOptions {
  readonly ttlMs: number | undefined;
  /** Not checked yet: `Weights.weigh` checks it. */
  readonly weight: number | undefined;
}

/** Checks the options of `set`. */
export function checkSetOptions(owner: string, hasWeights: boolean, options: SetOptions): CheckedSetOptions {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidOptionError(owner, 'options', 'must be an object', options);
  }
  const isPolluted = (NOTHING.ttl ?? NOTHING.weight) !== undefined;
  const { ttl, weight } = isPolluted ? unpolluted(options, ['ttl', 'weight']) : options;
  if (weight !== undefined && !hasWeights) {
    throw new InvalidOptionError(owner, 'weight', 'is allowed only in a cache with "maxWeight"', weight);
  }
  return { ttlMs: ttl === undefined ? undefined : toMs(owner, 'ttl', ttl, { orInfinity: true }), weight };
}
