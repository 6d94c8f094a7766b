/**
 * Consistent hashing: which of several nodes a key belongs to, the same answer in every process, and few keys that move when
 * nodes come and go.
 *
 * `HashRing` for servers that come and go, `Rendezvous` for a few of them, `jumpHash` for shards that are numbered,
 * `MaglevTable` for very many lookups, `KetamaRing` to share memcached servers with other programs. Not for balancing load
 * among equals that keep nothing: that is for `breakwater/load-balancer`. O(1) a lookup, nanoseconds; no timers.
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
