import { toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkCallOptions, NOTHING, unpolluted } from '../core/options.js';
import type { SetOptions } from './cache.js';

interface CheckedSetOptions {
  readonly ttlMs: number | undefined;
  /** Not checked yet: `Weights.weigh` checks it. */
  readonly weight: number | undefined;
}

const SET_OPTIONS: readonly (keyof SetOptions)[] = ['ttl', 'weight'];

/** Checks the options of `set`. */
export function checkSetOptions(owner: string, hasWeights: boolean, options: SetOptions): CheckedSetOptions {
  checkCallOptions(owner, options, SET_OPTIONS);
  const isPolluted = (NOTHING.ttl ?? NOTHING.weight) !== undefined;
  const { ttl, weight } = isPolluted ? unpolluted(options, SET_OPTIONS) : options;
  if (weight !== undefined && !hasWeights) {
    throw new InvalidOptionError(owner, 'weight', 'is allowed only in a cache with "maxWeight"', weight);
  }
  return { ttlMs: ttl === undefined ? undefined : toMs(owner, 'ttl', ttl, { orInfinity: true }), weight };
}
