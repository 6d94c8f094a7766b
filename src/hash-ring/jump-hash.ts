import { InvalidOptionError } from '../core/errors.js';
import { checkInteger } from '../core/options.js';
import { murmur3 } from './murmur3.js';

/**
 * Jump consistent hash: returns the bucket of a key, from 0 to `buckets` - 1 (Lamping and Veach, "A Fast, Minimal
 * Memory, Consistent Hash Algorithm", 2014). Use it for numbered shards.
 *
 * It needs no memory and distributes keys perfectly evenly. When buckets are added at the end, only the keys that
 * belong to the new buckets move. Only the last bucket can be removed, so it is not suitable for servers that fail.
 * O(log buckets).
 *
 * @param key - A number or bigint is the 64-bit key itself (a negative bigint counts as its two's complement). A string
 * is hashed to 64 bits.
 * @param buckets - An integer from 1 to 2³¹ - 1.
 * @throws InvalidOptionError if a number is not an integer from 0 to 2⁵³ - 1, or if the number of buckets is invalid.
 * @example
 * ```ts
 * console.log(jumpHash(1n, 100)); // 55
 * console.log(jumpHash('user:7', 1)); // 0
 * ```
 */
export function jumpHash(key: bigint | number | string, buckets: number): number {
  checkInteger('jumpHash', 'buckets', buckets, { min: 1, max: 0x7fff_ffff });
  let [low, high] = halvesOf(key);
  let bucket = -1;
  let next = 0;
  while (next < buckets) {
    bucket = next;
    // key = key × 2862933555777941757 + 1, modulo 2⁶⁴, in two halves: a BigInt would take ten times as long.
    const product = Math.imul(low, MULTIPLIER_LOW);
    high = highHalf(low, MULTIPLIER_LOW) + Math.imul(high, MULTIPLIER_LOW) + Math.imul(low, MULTIPLIER_HIGH);
    high = (high + (product === -1 ? 1 : 0)) | 0;
    low = (product + 1) | 0;
    next = Math.floor((bucket + 1) * (0x8000_0000 / ((high >>> 1) + 1)));
  }
  return bucket;
}

const MULTIPLIER_LOW = 0x87b0_b0fd;
const MULTIPLIER_HIGH = 0x27bb_2ee6;

/**
 * Returns the high 32 bits of a 64-bit product. Uses single variables: destructuring an array would dominate the cost.
 */
function highHalf(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const sum = aLow * bHigh + (middle & 0xffff); // below 2³²
  return aHigh * bHigh + Math.floor(middle / 0x1_0000) + Math.floor(sum / 0x1_0000);
}

/** Returns the 64 bits of a key in two halves. */
function halvesOf(key: bigint | number | string): [low: number, high: number] {
  if (typeof key === 'string') return [murmur3(key, 0), murmur3(key, 0x9e37_79b9)];
  if (typeof key === 'bigint') return [Number(key & 0xffff_ffffn), Number((key >> 32n) & 0xffff_ffffn)];
  if (!Number.isSafeInteger(key) || key < 0) {
    throw new InvalidOptionError('jumpHash', 'key', 'must be a string, a bigint or an integer from 0 to 2^53 - 1', key);
  }
  return [key >>> 0, Math.floor(key / 0x1_0000_0000)];
}
