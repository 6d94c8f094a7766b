import { bytesOf, type HashData, lengthOf } from './key-bytes.js';

/**
 * FNV-1a, 32-bit (Fowler, Noll and Vo, 1991). Returns an unsigned 32-bit number. The algorithm is simple enough to
 * implement in any language. Its high bits are poorly mixed, so code that uses the high bits, such as a ring, must mix
 * the result again; `HashRing` does.
 *
 * @example
 * ```ts
 * console.log(fnv1a('foobar')); // 3214735720
 * ```
 */
export function fnv1a(data: HashData): number {
  const bytes = bytesOf(data);
  const length = lengthOf(data);
  let hash = 0x811c_9dc5;
  for (let at = 0; at < length; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x0100_0193);
  return hash >>> 0;
}
