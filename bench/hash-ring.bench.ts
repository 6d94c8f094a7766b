import { HashRing, jumpHash, KetamaRing, MaglevTable, Rendezvous } from 'breakwater';
import ConsistentHash from 'consistent-hash';
import HashRingPackage from 'hashring';
import { type Bench, ours, peer } from './bench.js';
import { LOOKUPS, lookups, mapGet, NODES, uncached } from './rings.js';

const getter = (placement: { get(key: string): unknown }) => (key: string) => placement.get(key);

/**
 * The node of a key, of 100 nodes with 160 points each. hashring is asked for other keys each time, since it caches 5,000
 * of them; that costs making a string, which the second HashRing and KetamaRing do as well.
 */
export const bench: Bench = {
  unit: 'lookup',
  perUse: LOOKUPS,
  candidates: {
    'Map.get': mapGet,
    HashRing: {
      ...ours(lookups(() => getter(new HashRing(NODES)))),
      targets: { peers: { 'consistent-hash': 0.6 } },
    },
    'HashRing, other keys': {
      ...ours(lookups(() => uncached(getter(new HashRing(NODES))))),
      targets: { peers: { 'hashring, other keys': 0.1 } },
    },
    'KetamaRing, other keys': {
      ...ours(lookups(() => uncached(getter(new KetamaRing(NODES))))),
      targets: { peers: { 'hashring, other keys': 0.3 } },
    },
    Rendezvous: ours(lookups(() => getter(new Rendezvous(NODES)))),
    MaglevTable: ours(lookups(() => getter(new MaglevTable(NODES)))),
    jumpHash: ours(lookups(() => (key) => jumpHash(key, NODES.length))),
    'hashring, from its cache': peer(lookups(() => getter(new HashRingPackage(NODES)))),
    'hashring, other keys': peer(lookups(() => uncached(getter(new HashRingPackage(NODES))))),
    'consistent-hash': peer(
      lookups(() => {
        const theirs = new ConsistentHash({ controlPoints: 160, distribution: 'uniform', range: 1_000_003 });
        for (const node of NODES) theirs.add(node);
        return getter(theirs);
      }),
    ),
  },
  yardstick: 'hashring, other keys',
};
