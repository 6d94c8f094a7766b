import { HashRing, KetamaRing, MaglevTable, Rendezvous } from 'breakwater';
import ConsistentHash from 'consistent-hash';
import HashRingPackage from 'hashring';
import { type Bench, type Hold, ours, peer } from './bench.js';
import { NODES } from './rings.js';

const many =
  (make: () => unknown): Hold =>
  (count) =>
    Array.from({ length: count }, make);

/** Rings of the same 100 nodes, whose names are their owner's. */
export const bench: Bench = {
  measured: 'memory',
  unit: 'placement of 100 nodes',
  count: 50,
  candidates: {
    HashRing: ours(many(() => new HashRing(NODES))),
    KetamaRing: ours(many(() => new KetamaRing(NODES))),
    Rendezvous: ours(many(() => new Rendezvous(NODES))),
    MaglevTable: ours(many(() => new MaglevTable(NODES))),
    hashring: peer(many(() => new HashRingPackage(NODES))),
    'consistent-hash': peer(
      many(() => {
        const theirs = new ConsistentHash({ controlPoints: 160, distribution: 'uniform', range: 1_000_003 });
        for (const node of NODES) theirs.add(node);
        return theirs;
      }),
    ),
  },
  yardstick: 'hashring',
};
