/** Scenarios of limits that must find the right size, and of what is rejected when there is too much. */
import { bulkhead, pipeline, timeout } from 'breakwater';
import { adaptiveLimit, aimdLimit, codelQueue, priorityGate } from 'breakwater/overload';
import { burst, type CandidateKit, compare, exponential, poisson, server, simulate, slow } from 'breakwater/simulator';
import { columns, percent, type Simulation } from './simulation.js';

type Kit = Pick<CandidateKit, 'clock' | 'random'>;

const attempt = ({ clock }: Kit) => timeout({ name: 'attempt', duration: '500ms', clock });
const api = server({ workers: 4, service: exponential('10ms') });

const limitSize: Simulation = {
  title: 'Limit of the wrong size',
  problem: `A server can answer 400 requests per second and gets 300. For 20 seconds it is three times slower. The limit in front of it was
guessed: 100 calls at a time. A timeout frees a slot, but not the worker of the server, so the server works for callers that have left.`,
  fix: 'Use a bulkhead of a measured size, or an adaptive limit, which finds the size and follows it.',
  shows: `With 100 slots no call is good while the server is slow. With 8 the goodput is what the server can do, but some calls are rejected
when it is well. The adaptive limit loses neither. AIMD, which ignores latency, keeps the goodput too, at a latency just below the timeout.
[Adaptive limit](patterns/adaptive-limit.md#figures) has eight limits in eight scenarios.`,
  async figure() {
    const comparison = await compare({
      name: 'three times slower',
      world: { api },
      load: poisson({ perSecond: 300 }),
      faults: [slow('api', 3, { at: '20s', for: '20s' })],
      duration: '60s',
      warmUp: '10s',
      candidates: {
        '100 slots': (kit: Kit) => pipeline(bulkhead({ maxConcurrent: 100, clock: kit.clock }), attempt(kit)),
        '8 slots': (kit: Kit) => pipeline(bulkhead({ maxConcurrent: 8, clock: kit.clock }), attempt(kit)),
        'AIMD limit': (kit: Kit) => pipeline(adaptiveLimit({ algorithm: aimdLimit(), clock: kit.clock }), attempt(kit)),
        'adaptive limit': (kit: Kit) => pipeline(adaptiveLimit({ clock: kit.clock }), attempt(kit)),
      },
      seeds: 5,
    });
    return comparison.table();
  },
};

const queueDiscipline: Simulation = {
  title: 'Queue that is never empty',
  problem: `A bulkhead has 8 slots and a queue of 500, and callers wait for half a second in all. From 20 s to 40 s, 600 calls per second
arrive where 400 can be served; before and after, 300. In arrival order each call waits until it is nearly too late.`,
  fix: 'Give the queue a discipline: `codelQueue()` drops calls that have waited for too long, and serves the newest first.',
  shows: `In arrival order the slots are spent on calls that time out soon after, and the queue does not become empty again when the load is
back to normal. With CoDel the same slots serve as many calls as the server
can answer, and a call that is served has hardly waited.`,
  async figure() {
    const queued = (queue: 'fifo' | ReturnType<typeof codelQueue>) => (kit: Kit) =>
      pipeline(attempt(kit), bulkhead({ maxConcurrent: 8, maxQueue: 500, queue, clock: kit.clock }));
    const comparison = await compare({
      name: '600 calls per second from 20 s to 40 s',
      world: { api },
      load: poisson({ perSecond: burst({ perSecond: 300, to: 600, at: '20s', for: '20s' }) }),
      duration: '60s',
      warmUp: '10s',
      candidates: {
        'arrival order': queued('fifo'),
        CoDel: queued(codelQueue({ lifo: false })),
        'CoDel, newest first': queued(codelQueue()),
      },
      seeds: 5,
    });
    return comparison.table();
  },
};

const PRIORITIES = [0, 3, 6, 9];

const priorities: Simulation = {
  title: 'Priorities under twice the load',
  problem: `Calls of four priorities, of which 0 is the most important, go to a server that can answer 400 per second: 200 calls per second of
each. A limit rejects what finds no slot, the most
important calls too.`,
  fix: "Put a `priorityGate()` in front of a limit with a short queue and `onFull: 'evict-lowest'`.",
  shows: `The limit alone serves half of each priority. With the gate, the most important calls are all served, and each of the others keeps
at least one call in a hundred. Eviction alone starves the lowest priority, and its queue is always full. The gate leaves some capacity free, for
important calls that have not arrived yet.`,
  async figure() {
    const evicting = (kit: Kit) => adaptiveLimit({ maxQueue: 20, onFull: 'evict-lowest', clock: kit.clock });
    const candidates = {
      limit: (kit: Kit) => pipeline(adaptiveLimit({ clock: kit.clock }), attempt(kit)),
      'limit, eviction': (kit: Kit) => pipeline(evicting(kit), attempt(kit)),
      'gate, limit, eviction': (kit: Kit) => pipeline(priorityGate(kit), evicting(kit), attempt(kit)),
    };
    const rows: (readonly (string | number)[])[] = [['served of priority', ...PRIORITIES, 'good calls/s', 'p99 ms']];
    for (const [name, candidate] of Object.entries(candidates)) {
      const { tenants, goodput, latency } = await simulate({
        world: { api },
        load: PRIORITIES.map((priority) => poisson({ perSecond: 200, priority, tenant: String(priority) })),
        duration: '60s',
        warmUp: '10s',
        candidate: ({ clock, random }) => candidate({ clock, random }),
      });
      const shares = PRIORITIES.map((priority) => tenants[priority]!).map(({ good, offered }) =>
        percent(good / offered),
      );
      rows.push([name, ...shares, Math.round(goodput), Math.round(latency.p99Ms)]);
    }
    return columns(rows);
  },
};

export const limits: readonly Simulation[] = [limitSize, queueDiscipline, priorities];
