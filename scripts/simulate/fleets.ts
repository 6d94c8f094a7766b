/** Scenarios of several tenants and several nodes. */
import {
  bulkhead,
  HashRing,
  keyed,
  LoadBalancer,
  LruCache,
  murmur3,
  pipeline,
  retry,
  roundRobin,
  timeout,
} from 'breakwater';
import {
  type Call,
  type CandidateKit,
  compare,
  down,
  exponential,
  poisson,
  server,
  type Target,
  zipf,
} from 'breakwater/simulator';
import { columns, percent, type Simulation } from './simulation.js';

type Kit = CandidateKit;

const noisyNeighbour: Simulation = {
  title: 'Noisy neighbour',
  problem: `Four tenants send 40 calls per second each. A fifth one sends 600. One bulkhead of 20 slots in front of the server serves all
of them, and the noisy tenant takes nearly all slots.`,
  fix: 'Give each tenant a bulkhead of its own: `keyed(() => bulkhead({ maxConcurrent: 4 }))`.',
  shows: `The share of good calls of each tenant, and all good calls. With one bulkhead all tenants suffer alike; with one per tenant only the noisy
one does. The price is the slots that quiet tenants leave idle: fewer calls are served in total.`,
  async figure() {
    const tenants = ['a', 'b', 'c', 'd', 'noisy'];
    const load = tenants.map((tenant) => poisson({ perSecond: tenant === 'noisy' ? 600 : 40, tenant }));
    const result = await compare({
      world: { api: server({ service: exponential('50ms') }) },
      load,
      duration: '20s',
      candidates: {
        'one bulkhead of 20': ({ clock }: Kit) => bulkhead({ clock, maxConcurrent: 20, maxQueue: 20 }),
        'one of 4 per tenant': ({ clock }: Kit) =>
          keyed(() => bulkhead({ clock, maxConcurrent: 4, maxQueue: 4 }), { clock }),
      },
      seeds: 5,
    });
    const row = (name: 'one bulkhead of 20' | 'one of 4 per tenant') => {
      const { runs } = result[name];
      const shareOf = (tenant: string) => {
        const sum = (field: 'good' | 'offered') => runs.reduce((total, run) => total + run.tenants[tenant]![field], 0);
        return percent(sum('good') / sum('offered'));
      };
      const good = runs.reduce((total, run) => total + run.goodput, 0) / runs.length;
      return [name, ...tenants.map(shareOf), Math.round(good)];
    };
    return columns([
      ['good calls of tenant', ...tenants, 'good calls/s'],
      row('one bulkhead of 20'),
      row('one of 4 per tenant'),
    ]);
  },
};

/** The time until which the caches are filled without the origin. */
const SNAPSHOT_MS = 30_000;

const NODES = ['n1', 'n2', 'n3', 'n4', 'n5'];

/** A client of five cache nodes and an origin, which takes a node out when it refuses a connection. */
function cacheCluster(placeOf: (nodes: readonly string[]) => (key: string) => string) {
  return ({ clock, world }: Kit) => {
    const caches = new Map(NODES.map((node) => [node, new LruCache<string, true>({ capacity: 10_000, clock })]));
    let nodes = NODES;
    let place = placeOf(nodes);
    const origin = timeout({ duration: '1s', clock });
    return async ({ key = '' }: Call): Promise<void> => {
      const node = place(key);
      const reached = await world[node]!.send().then(
        () => true,
        () => false,
      );
      if (!reached && nodes.includes(node)) {
        nodes = nodes.filter((other) => other !== node);
        place = placeOf(nodes);
      }
      if (reached && caches.get(node)!.has(key)) return;
      if (clock.now() >= SNAPSHOT_MS) await origin.execute((context) => world.origin!.send(context));
      caches.get(reached ? node : place(key))!.set(key, true);
    };
  };
}

const ringAgainstModulo: Simulation = {
  title: 'Ring against modulo when a node leaves',
  problem: `Five cache nodes hold 5,000 keys, filled from a snapshot, in front of an origin that can load 200 per second. Keys are placed by hash modulo the
number of nodes. At 60 s one node leaves, and four of five keys belong to another node than before.`,
  fix: 'Place keys by a hash ring (or rendezvous hashing): only the keys of the node that has left move.',
  shows: `A read counts as good within 200 ms. With modulo most reads become misses at once, the origin is overloaded, and reads are late. With the ring only the keys of the node that
has left, a fifth of all, are loaded again when they are read, which the origin can bear.`,
  async figure() {
    const cacheNode = server({ service: exponential('1ms') });
    const result = await compare({
      name: 'a cache node leaves',
      world: {
        ...Object.fromEntries(NODES.map((node) => [node, cacheNode])),
        origin: server({ workers: 4, service: exponential('20ms') }),
      } as Record<string, ReturnType<typeof server>>,
      load: poisson({ perSecond: 500, keys: zipf({ count: 5000, exponent: 0.8 }) }),
      faults: [down('n3', { at: '60s' })],
      duration: '120s',
      warmUp: '30s',
      goodWithin: '200ms',
      candidates: {
        modulo: cacheCluster((nodes) => (key) => nodes[murmur3(key) % nodes.length]!),
        ring: cacheCluster((nodes) => {
          const ring = new HashRing(nodes);
          return (key) => ring.get(key)!;
        }),
      },
      seeds: 3,
    });
    const loads = (name: 'modulo' | 'ring') => {
      const { runs } = result[name];
      const after = runs.map(({ series }) =>
        series.slice(60, 70).reduce((sum, { attempts, offered }) => sum + attempts - offered, 0),
      );
      return [name, Math.round(after.reduce((sum, count) => sum + count, 0) / after.length)];
    };
    return `${result.table()}\n\n${columns([['', 'loads in the 10 s after'], loads('modulo'), loads('ring')])}`;
  },
};

const deploy: Simulation = {
  title: 'Deploy of a fleet',
  problem: `Five instances are restarted one after the other. Each is down for three seconds, and slow for its next 100 requests. A plain
round robin sends a fifth of the calls to an instance that is down.`,
  fix: `Eject an instance after a few failures in a row, repeat a refused request at another instance, and give an instance that has come
back a slow start.`,
  shows:
    'Ejection alone removes nearly all failed calls. The repetition removes those that find a dead instance before it is ejected.',
  async figure() {
    const instance = server({ workers: 4, service: exponential('20ms'), startCost: { requests: 100, by: 5 } });
    const instances = NODES.map((node) => node.replace('n', 'i'));
    const balanced =
      (options: object, isRepeated: boolean) =>
      ({ clock, random, world }: Kit) => {
        const balancer = new LoadBalancer(instances, { pick: roundRobin(), clock, random, ...options });
        const limit = timeout({ duration: '500ms', clock });
        const policy = isRepeated ? pipeline(retry({ clock, random, maxAttempts: 2 }), limit) : limit;
        return () => policy.execute((context) => balancer.execute(({ node }) => (world[node] as Target).send(context)));
      };
    const outlier = { consecutiveFailures: 3, ejectFor: '3s' };
    const result = await compare({
      name: 'a rolling restart',
      world: Object.fromEntries(instances.map((name) => [name, instance])) as Record<string, typeof instance>,
      load: poisson({ perSecond: 200 }),
      faults: instances.map((name, index) => down(name, { at: 10_000 + index * 6000, for: '3s' })),
      duration: '60s',
      warmUp: '5s',
      candidates: {
        'round robin': balanced({}, false),
        ejection: balanced({ outlier }, false),
        'ejection, repeat, slow start': balanced({ outlier, slowStart: '5s' }, true),
      },
      seeds: 5,
    });
    return result.table();
  },
};

export const fleets: readonly Simulation[] = [noisyNeighbour, ringAgainstModulo, deploy];
