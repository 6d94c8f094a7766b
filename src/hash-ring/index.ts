/**
 * Consistent hashing: decides which of several nodes a key belongs to. Every process gets the same result, and few keys
 * move when nodes are added or removed.
 *
 * Use `HashRing` for servers that are added and removed, `Rendezvous` for up to about thirty nodes, `jumpHash` for
 * numbered shards, `MaglevTable` for very many lookups, and `KetamaRing` to share memcached servers with other
 * programs. To balance load among stateless nodes, use `breakwater/load-balancer` instead. A lookup takes nanoseconds:
 * O(1), except for `Rendezvous` with O(nodes) and `jumpHash` with O(log buckets). There are no timers.
 */
export type { BaseRing, GetManyOptions, RingDiff, RingStats } from './base-ring.js';
export { fnv1a } from './fnv1a.js';
export { HashRing, type HashRingJson, type HashRingOptions } from './hash-ring.js';
export { jumpHash } from './jump-hash.js';
export { KetamaRing, type KetamaRingOptions } from './ketama-ring.js';
export type { HashData, HashFunction, PlacementKey } from './key-bytes.js';
export { MaglevTable, type MaglevTableOptions } from './maglev-table.js';
export { murmur3 } from './murmur3.js';
export type { NodeOption } from './nodes.js';
export type { Placement } from './placement.js';
export { Rendezvous, type RendezvousOptions } from './rendezvous.js';
export { sipHash13 } from './sip-hash.js';
export { xxh32 } from './xxh32.js';
