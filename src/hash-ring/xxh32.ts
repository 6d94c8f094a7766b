import { bytesOf, type HashData, lengthOf, readUint32, rotateLeft } from './key-bytes.js';

const PRIME_1 = 0x9e37_79b1;
const PRIME_2 = 0x85eb_ca77;
const PRIME_3 = 0xc2b2_ae3d;
const PRIME_4 = 0x27d4_eb2f;
const PRIME_5 = 0x1656_67b1;

/**
 * XXH32 (Yann Collet, 2012). Returns an unsigned 32-bit number. About as fast as `murmur3`, and faster for long keys.
 *
 * @param seed - The seed, modulo 2³². @defaultValue 0
 * @example
 * ```ts
 * console.log(xxh32('abc')); // 852579327
 * ```
 */
export function xxh32(data: HashData, seed = 0): number {
  const bytes = bytesOf(data);
  const length = lengthOf(data);
  let at = 0;
  let hash = (seed + PRIME_5) | 0;
  if (length >= 16) {
    let [a, b, c, d] = [(seed + PRIME_1 + PRIME_2) | 0, (seed + PRIME_2) | 0, seed | 0, (seed - PRIME_1) | 0];
    for (; at + 16 <= length; at += 16) {
      a = round(a, readUint32(bytes, at));
      b = round(b, readUint32(bytes, at + 4));
      c = round(c, readUint32(bytes, at + 8));
      d = round(d, readUint32(bytes, at + 12));
    }
    hash = (rotateLeft(a, 1) + rotateLeft(b, 7) + rotateLeft(c, 12) + rotateLeft(d, 18)) | 0;
  }
  hash = (hash + length) | 0;
  for (; at + 4 <= length; at += 4) {
    hash = Math.imul(rotateLeft(hash + Math.imul(readUint32(bytes, at), PRIME_3), 17), PRIME_4);
  }
  for (; at < length; at++) {
    hash = Math.imul(rotateLeft(hash + Math.imul(bytes[at] as number, PRIME_5), 11), PRIME_1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2);
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const round = (lane: number, word: number): number =>
  Math.imul(rotateLeft((lane + Math.imul(word, PRIME_2)) | 0, 13), PRIME_1);
