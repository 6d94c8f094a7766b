import { checkInteger } from '../core/options.js';
import { type Random, seededRandom } from '../core/random.js';

/** The number of seeds. */
const SEEDS = 2 ** 21;

/** Returns the seed of a run. @throws InvalidOptionError unless it is an integer in [0, 2^21). */
export const checkSeed = (owner: string, option: string, seed: unknown): number =>
  checkInteger(owner, option, seed, { min: 0, max: SEEDS - 1 });

/**
 * Returns a random source of its own for each purpose of a run, such as arrivals or the service times of one server.
 * What one purpose draws does not shift the draws of another, so that two candidates with the same seed meet the same
 * arrivals and service times (common random numbers).
 */
export function streamsOf(seed: number): (purpose: string) => Random {
  return (purpose) => {
    let hash = 0x811c9dc5; // FNV-1a
    for (let index = 0; index < purpose.length; index++) hash = Math.imul(hash ^ purpose.charCodeAt(index), 0x01000193);
    return seededRandom(seed * 2 ** 32 + (hash >>> 0));
  };
}
