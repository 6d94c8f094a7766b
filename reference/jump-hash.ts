/**
 * Jump consistent hash (Lamping and Veach, 2014): returns the bucket of a key, from 0 to `buckets` − 1.
 *
 * Suppose buckets are added one by one. When there are n + 1 of them, a key must move to the new one with probability 1
 * / (n + 1), and nowhere else otherwise: that is what keeps the balance perfect and the movement minimal. The key is
 * the seed of a random sequence, so that the same key makes the same choices each time. Instead of drawing for each n,
 * the loop draws the next n at which the key moves: with r uniform in (0, 1], that is (bucket + 1) / r. The cost is O(log
 * buckets).
 *
 * No memory at all. Only the last bucket can be removed, so it is for numbered shards, not for servers that fail.
 */
export function jumpHash(key: bigint, buckets: number): number {
  let state = BigInt.asUintN(64, key);
  let bucket = 0;
  let next = 0;
  while (next < buckets) {
    bucket = next; // the last move that still is among the buckets
    state = BigInt.asUintN(64, state * 2862933555777941757n + 1n); // an LCG; its high bits are the good ones
    const r = (Number(state >> 33n) + 1) / 2 ** 31;
    next = Math.floor((bucket + 1) / r);
  }
  return bucket;
}
