import { InvalidOptionError } from './errors.js';
import { checkFunction } from './options.js';

/** A random source: returns a number in [0, 1). */
export type Random = () => number;

/**
 * Creates a random source that returns the same numbers for the same seed on every machine. For tests and simulations,
 * never for secrets. Uses sfc32 (Chris Doty-Humphrey, PractRand); its 128 bits of state are filled from the seed.
 *
 * @throws InvalidOptionError if the seed is not a finite number.
 * @example
 * ```ts
 * const policy = retry({ random: seededRandom(1) });
 * console.log(policy.name, seededRandom(1)() === seededRandom(1)()); // retry true
 * ```
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
  for (let round = 0; round < 12; round++) next(); // mixes every bit of the seed into every bit of the state
  return next;
}

/**
 * Returns the random option, or `Math.random` if it is undefined.
 * @throws InvalidOptionError if it is not a function.
 */
export function checkRandom(owner: string, random: Random | undefined): Random {
  return random === undefined ? Math.random : checkFunction(owner, 'random', random);
}
