import { bytesOf, type HashData, lengthOf } from './key-bytes.js';

/**
 * FNV-1a in its 32-bit form (Fowler, Noll and Vo, 1991): an unsigned 32-bit number. Simple enough to be written down from
 * memory in any language. Its high bits are poorly mixed: what uses them, as rings do, must mix them again, and
 * `HashRing` does.
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
