/** The servers of a simulated world: workers, queues, faults and the network. */
import { timeout } from 'breakwater';
import {
  type CandidateKit,
  constant,
  constantRate,
  down,
  drop,
  error,
  type FaultPlan,
  flush,
  hang,
  partition,
  replay,
  type ServerOptions,
  server,
  slow,
  stall,
  trace,
} from 'breakwater/simulator';
import { describe, expect, it } from 'vitest';

interface Case {
  readonly server: Partial<ServerOptions>;
  /** The times at which calls begin. */
  readonly times?: readonly number[];
  readonly faults?: FaultPlan;
  readonly timeoutMs?: number;
  readonly clients?: number;
  readonly duration?: number;
}

/** Runs calls against one server with a service time of 100 ms and one worker. Returns each call's end and answer. */
async function ends({
  server: options,
  times = [],
  faults = [],
  timeoutMs = 1e6,
  clients = 1,
  duration = 10_000,
}: Case) {
  const result = await replay({
    world: { api: server({ workers: 1, service: constant('100ms'), ...options }) },
    load: trace({ times }),
    faults,
    duration,
    clients,
    candidate: ({ clock }) => timeout({ duration: timeoutMs, clock }),
  });
  const calls = result.calls.map(({ at, endedAt, attempts }) => [at, endedAt, attempts[0]?.answer] as const);
  return { ...result, calls, counts: result.servers.api! };
}

describe('A simulated server', () => {
  it('requests wait for a worker in arrival order', async () => {
    const { calls } = await ends({ server: { workers: 2 }, times: [0, 10, 20, 30] });
    expect(calls.map(([, endedAt]) => endedAt)).toEqual([100, 110, 200, 210]);
  });

  it('with a lifo queue, the newest request is next', async () => {
    const { calls } = await ends({ server: { queue: { order: 'lifo' } }, times: [0, 10, 20, 30] });
    expect(calls.map(([, endedAt]) => endedAt)).toEqual([100, 400, 300, 200]);
  });

  it('a full queue rejects with status 503, and the rejection delays the next request by its cost', async () => {
    const { calls, counts, bad } = await ends({
      server: { queue: { limit: 1 }, rejectCost: '7ms' },
      times: [0, 10, 20, 30],
    });
    expect(calls).toEqual([
      [0, 100, 'ok'],
      [10, 214, 'ok'],
      [20, 20, 'rejected'],
      [30, 30, 'rejected'],
    ]);
    expect([counts.rejected, counts.served, bad]).toEqual([2, 2, 2]);
  });

  it('with controlled delay, requests that have waited too long in a lasting queue are rejected', async () => {
    const times = Array.from({ length: 40 }, (_, index) => index * 10);
    const { counts, calls } = await ends({ server: { service: constant('20ms'), queue: { order: 'codel' } }, times });
    expect(counts.rejected).toBeGreaterThan(10);
    const waits = (wanted: string) =>
      calls
        .filter(([, , answer]) => answer === wanted)
        .map(([at, endedAt]) => endedAt! - at - (wanted === 'ok' ? 20 : 0));
    expect(Math.max(...waits('ok'))).toBeLessThanOrEqual(100);
    expect(Math.min(...waits('rejected'))).toBeGreaterThan(5);
    expect(Math.min(...waits('rejected'))).toBeLessThan(100);
  });

  it('a server without workers is a delay that never fills up', async () => {
    const { calls } = await ends({ server: { workers: Infinity }, times: [0, 10, 20, 30] });
    expect(calls.map(([at, endedAt]) => endedAt! - at)).toEqual([100, 100, 100, 100]);
  });

  it('a server becomes slower above its knee', async () => {
    const collapse = { knee: 2, factor: 0.5, power: 2 };
    const { calls } = await ends({ server: { workers: 4, collapse }, times: [0, 1, 2, 3] });
    // Three requests are 1.5 times the knee, four are twice the knee.
    const factors = [1, 1, 1 + 0.5 * 0.5 ** 2, 1 + 0.5];
    expect(calls.map(([at, endedAt]) => (endedAt! - at) / 100)).toEqual(factors);
  });

  it('the first requests after a start, after a crash and after a flush take longer', async () => {
    const { calls } = await ends({
      server: { startCost: { requests: 2, by: 3 } },
      times: [0, 1000, 2000, 4000, 5000, 6000, 8000],
      faults: [down('api', { at: 3000, for: 500 }), flush('api', { at: 7000 })],
    });
    expect(calls.map(([at, endedAt]) => endedAt! - at)).toEqual([300, 300, 100, 300, 300, 100, 300]);
  });

  it('the network delays requests and answers, and loses messages', async () => {
    const { calls } = await ends({ server: { network: { latency: '20ms' } }, times: [0, 10] });
    expect(calls.map(([, endedAt]) => endedAt)).toEqual([140, 240]);
    const times = Array.from({ length: 1000 }, (_, index) => index * 10);
    const lossy = await ends({ server: { workers: Infinity, network: { loss: 0.1 } }, times, timeoutMs: 500 });
    // A call fails if its request or its answer is lost: 1 − 0.9².
    expect(lossy.bad / 1000).toBeCloseTo(0.19, 1);
    expect(lossy.counts.lost / 1000).toBeCloseTo(0.1, 1);
  });
});

describe('A request whose caller has left', () => {
  const times = [0, 10, 20, 500];

  it('the server works on, and the work is counted as wasted', async () => {
    const { counts, wastedShare } = await ends({ server: {}, times, timeoutMs: 150 });
    expect([counts.served, counts.dropped, counts.busyMs, counts.wastedMs]).toEqual([4, 0, 400, 200]);
    expect(wastedShare).toBe(0.5);
  });

  it('a server with onAbandon "stop" drops it from the queue and stops serving it at its deadline', async () => {
    const { counts, calls } = await ends({ server: { onAbandon: 'stop' }, times, timeoutMs: 150 });
    // The second one is stopped at its deadline of 160 ms; the third one is dropped in the queue at 170 ms.
    expect([counts.served, counts.dropped]).toEqual([2, 2]);
    expect(counts.busyMs).toBeLessThanOrEqual(270);
    expect(calls.at(-1)).toEqual([500, 600, 'ok']);
  });

  it('a signal ends a request like a deadline does, and leaves no listener', async () => {
    let added = 0;
    const result = await replay({
      world: { api: server({ workers: 1, service: constant('100ms'), onAbandon: 'stop' }) },
      load: trace({ times: [0, 10, 300] }),
      duration: '1s',
      candidate:
        ({ clock, world }: CandidateKit<{ api: ReturnType<typeof server> }>) =>
        async () => {
          const controller = new AbortController();
          const { signal } = controller;
          const { addEventListener, removeEventListener } = signal;
          signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
            added++;
            addEventListener.apply(signal, args);
          };
          signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
            added--;
            removeEventListener.apply(signal, args);
          };
          const timer = clock.setTimeout(() => controller.abort(new Error('too late')), 50);
          if (clock.now() === 300) clock.clearTimeout(timer);
          return world.api.send({ signal });
        },
    });
    expect(result.calls.map(({ endedAt, outcome }) => [endedAt, outcome])).toEqual([
      [50, 'bad'],
      [60, 'bad'],
      [400, 'good'],
    ]);
    expect(result.servers.api).toMatchObject({ served: 1, dropped: 2, busyMs: 50 + 10 + 100, wastedMs: 60 });
    expect(added).toBe(2); // an aborted signal has called its listener, which was added once
  });

  it('a request with an aborted signal is not sent', async () => {
    const result = await replay({
      world: { api: server({ service: 10 }) },
      load: trace({ times: [0] }),
      duration: '1s',
      candidate:
        ({ world }) =>
        () =>
          world.api.send({ signal: AbortSignal.abort(new Error('left')) }),
    });
    expect([result.bad, result.attempts]).toEqual([1, 0]);
  });
});

describe('Faults', () => {
  const everySecond = Array.from({ length: 10 }, (_, index) => index * 1000);

  it('a slow server takes longer between the beginning and the end of the fault', async () => {
    const { calls, events } = await ends({
      server: {},
      times: everySecond,
      faults: [slow('api', 5, { at: 3000, for: 2000 })],
    });
    expect(calls.map(([at, endedAt]) => endedAt! - at)).toEqual([100, 100, 100, 500, 500, 100, 100, 100, 100, 100]);
    expect(events).toEqual([
      { at: 3000, what: 'slow api × 5' },
      { at: 5000, what: 'end of slow api × 5' },
    ]);
  });

  it('a server that is down refuses connections, and resets the requests that it has', async () => {
    const { calls, counts } = await ends({
      server: {},
      times: [0, 10, 100, 500, 2000],
      faults: [down('api', { at: 150, for: 1000 })],
    });
    expect(calls).toEqual([
      [0, 100, 'ok'],
      [10, 150, 'reset'],
      [100, 150, 'reset'],
      [500, 500, 'refused'],
      [2000, 2100, 'ok'],
    ]);
    expect(counts).toMatchObject({ served: 2, reset: 2, refused: 1, busyMs: 250 });
  });

  it('an error and a hang concern their share of the requests', async () => {
    const times = Array.from({ length: 2000 }, (_, index) => index * 5);
    const options = { workers: Infinity };
    const failing = await ends({ server: options, times, faults: [error('api', 0.3, { at: 0 })] });
    expect(failing.counts.failed / 2000).toBeCloseTo(0.3, 1);
    expect(failing.bad).toBe(failing.counts.failed);
    const both = [error('api', 0.3, { at: 0 }), hang('api', 0.2, { at: 0 })];
    const hanging = await ends({ server: options, times, timeoutMs: 500, faults: both });
    expect(hanging.counts.hung / 2000).toBeCloseTo(0.2, 1);
    expect(hanging.counts.failed / 2000).toBeCloseTo(0.3, 1);
  });

  it('a request that hangs is pending at the end if nothing ends it', async () => {
    const { pending, calls } = await ends({
      server: {},
      times: [0, 500],
      faults: [hang('api', 1, { at: 400, for: 500 })],
    });
    expect(pending).toBe(1);
    expect(calls).toEqual([
      [0, 100, 'ok'],
      [500, undefined, undefined],
    ]);
  });

  it('a drop loses a share of the messages, and a partition those of a share of the clients', async () => {
    const times = Array.from({ length: 1000 }, (_, index) => index * 10);
    const dropping = await ends({
      server: { workers: Infinity },
      times,
      timeoutMs: 500,
      faults: [drop('api', 0.5, { at: 5000 })],
    });
    expect(dropping.series[2]?.bad).toBe(0);
    expect(dropping.bad / 500).toBeCloseTo(0.75, 1);
    const cut = await ends({
      server: { workers: Infinity },
      times,
      clients: 10,
      timeoutMs: 500,
      faults: [partition('api', 0.2, { at: 5000, for: 2000 })],
    });
    expect(cut.bad).toBe(40 + 2); // two of ten clients for 200 calls, and their answers of the 100 ms before
  });

  it('a fault without a target concerns all servers', async () => {
    const result = await replay({
      world: { a: server({ service: 10 }), b: server({ service: 10 }) },
      load: constantRate({ perSecond: 10 }),
      faults: [{ kind: 'slow', at: '1s', by: 3 }],
      duration: '2s',
      candidate:
        ({ world }) =>
        (call) =>
          (call.index % 2 === 0 ? world.a : world.b).send(call),
    });
    const durations = new Set(result.calls.slice(12).map(({ at, endedAt }) => Math.round(endedAt! - at)));
    expect(durations).toEqual(new Set([30]));
  });

  it('while the event loop of the clients is blocked, servers go on and nothing else happens', async () => {
    const { calls } = await ends({
      server: {},
      times: [0, 950, 1200],
      timeoutMs: 400,
      faults: [stall({ at: 1000, for: 1000 })],
    });
    // The answer of the second call is received when the loop continues, and the third call begins then.
    expect(calls.map(([at, endedAt]) => [at, endedAt])).toEqual([
      [0, 100],
      [950, 2000],
      [1200, 2100],
    ]);
  });

  it('an answer that arrives while the event loop is blocked wins over a timeout that is late', async () => {
    const { good, bad } = await ends({
      server: { service: constant('450ms') },
      times: [900],
      timeoutMs: 500,
      faults: [stall({ at: 1000, for: 2000 })],
    });
    expect([good, bad]).toEqual([1, 0]);
  });
});
