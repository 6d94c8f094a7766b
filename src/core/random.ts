import { InvalidOptionError } from './errors.js';
import { checkFunction } from './options.js';

/** A number in [0, 1). */
export type Random = () => number;

/**
 * A random source that gives the same numbers for the same seed, on every machine. For tests and simulations, never for
 * secrets. It is sfc32 (Chris Doty-Humphrey, PractRand), its 128 bits of state filled from the seed.
 */
export function seededRandom(seed: number): Random {
  if (!Number.isFinite(seed)) throw new InvalidOptionError('seededRandom', 'seed', 'must be a finite number', seed);
  const bits = new Uint32Array(new Float64Array([seed + 0]).buffer);
  let a = bits[0] as number;
  let b = bits[1] as number;
  let c = 0x9e3779b9;
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let round = 0; round < 12; round++) next(); // until every bit of the seed has reached every bit of the state
  return next;
}

export function checkRandom(owner: string, random: Random | undefined): Random {
  return random === undefined ? Math.random : checkFunction(owner, 'random', random);
}
