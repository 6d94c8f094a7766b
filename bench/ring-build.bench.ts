import { HashRing, KetamaRing, MaglevTable, Rendezvous } from 'breakwater';
import { seededRandom } from 'breakwater/testing';
import ConsistentHash from 'consistent-hash';
import HashRingPackage from 'hashring';
import { type Bench, floor, ours, type Prepare, peer } from './bench.js';
import { NODES } from './rings.js';

const EXTRA = '10.0.1.1:11211';
const MORE = Array.from({ length: 100 }, (_, index) => `10.0.2.${index}:11211`);

const made =
  (make: () => unknown): Prepare =>
  () =>
  async () =>
    make();

/** A ring of 100 nodes is made; or one node comes and goes again. */
export const bench: Bench = {
  unit: 'ring of 100 nodes',
  candidates: {
    '16,000 numbers sorted': floor(() => {
      const random = seededRandom(1);
      const points = Float64Array.from({ length: 160 * NODES.length }, () => Math.floor(random() * 2 ** 32));
      return async () => Float64Array.from(points).sort();
    }),
    'HashRing made': ours(made(() => new HashRing(NODES))),
    'HashRing, one comes and goes': ours(() => {
      const ring = new HashRing(NODES);
      return async () => ring.add(EXTRA).remove(EXTRA);
    }),
    'HashRing, a hundred added by addAll': ours(made(() => new HashRing().addAll(NODES))),
    'HashRing, a hundred come and go at once': ours(() => {
      const ring = new HashRing(NODES);
      return async () => ring.addAll(MORE).removeAll(MORE);
    }),
    'KetamaRing made': ours(made(() => new KetamaRing(NODES))),
    'Rendezvous made': ours(made(() => new Rendezvous(NODES))),
    'MaglevTable made': ours(made(() => new MaglevTable(NODES))),
    'hashring made': peer(made(() => new HashRingPackage(NODES))),
    'hashring, one comes and goes': peer(() => {
      const ring = new HashRingPackage(NODES);
      return async () => {
        ring.add(EXTRA);
        ring.remove(EXTRA);
      };
    }),
    'consistent-hash made': peer(
      made(() => {
        const theirs = new ConsistentHash({ controlPoints: 160, distribution: 'uniform', range: 1_000_003 });
        for (const node of NODES) theirs.add(node);
        return theirs;
      }),
    ),
  },
  yardstick: 'hashring made',
};
