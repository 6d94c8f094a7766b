/** HTTP clients, caches and balancers in front of simulated servers. */
import { cachedFetch, LoadBalancer, loadingCache, resilientFetch, roundRobin, writeBehind } from 'breakwater';
import {
  constant,
  constantRate,
  down,
  error,
  exponential,
  flush,
  poisson,
  type ServerDefinition,
  server,
  simulate,
  simulatedFetch,
  trace,
  zipf,
} from 'breakwater/simulator';
import { describe, expect, it } from 'vitest';
import { guarded } from './setup.js';

const world = { api: server({ workers: 4, service: exponential('10ms') }) };
const load = poisson({ perSecond: 100 });

describe('simulatedFetch', () => {
  it('resilientFetch runs unchanged: it retries, opens its circuit and recovers', async () => {
    const states: string[] = [];
    const result = await simulate({
      world,
      load,
      faults: [error('api', 1, { at: '5s', for: '5s' })],
      duration: '30s',
      candidate: ({ clock, random, world: targets }) => {
        const fetch = resilientFetch({
          fetch: simulatedFetch(targets),
          clock,
          random,
          on: { stateChange: ({ key, to }) => states.push(`${key} ${to}`) },
        });
        return async () => {
          const response = await fetch('http://api/users');
          await response.text();
          return response;
        };
      },
    });
    expect(states[0]).toBe('http://api open');
    expect(states.at(-1)).toBe('http://api closed');
    expect(result.refused).toBeGreaterThan(100);
    expect(result.bad).toBeGreaterThan(10);
    expect(result.timeToRecoverMs).toBeLessThan(10_000);
    expect(result.pending).toBe(0);
  });

  it('responses are those of an HTTP server, and failures those of fetch in Node', async () => {
    const answers: unknown[] = [];
    await simulate({
      world: { API: server({ workers: 1, service: '10ms', queue: { limit: 0 } }) },
      load: trace({ times: [0, 5, 1000, 2000, 3000, 4000] }),
      faults: [error('API', 1, { at: 900, for: 500 }), down('API', { at: 1900, for: 500 })],
      duration: '5s',
      candidate: ({ world: targets }) => {
        const fetch = simulatedFetch(targets, {
          respond: ({ url, method, headers, server: name }) =>
            Response.json({ path: url.pathname, method, accept: headers.get('accept'), name }),
        });
        return async (call) => {
          const address = call.index === 4 ? 'http://nowhere/' : 'http://api/a/b?c';
          const request = new Request(address, { method: 'post', headers: { accept: 'text/plain' } });
          const response = await (call.index % 2 === 0 ? fetch(request) : fetch(new URL(request.url))).catch(
            (reason) => reason,
          );
          answers.push(
            response instanceof Response
              ? [response.status, await response.text()]
              : [response.message, response.cause.code],
          );
        };
      },
    });
    expect(answers).toEqual([
      [503, 'API has rejected the request with status 503'],
      [200, '{"path":"/a/b","method":"POST","accept":"text/plain","name":"API"}'],
      [500, 'API has answered with status 500'],
      ['fetch failed', 'ECONNREFUSED'],
      ['fetch failed', 'ENOTFOUND'],
      [200, '{"path":"/a/b","method":"GET","accept":null,"name":"API"}'],
    ]);
  });

  it('an abort rejects with its reason, during a request and before it', async () => {
    const reasons: unknown[] = [];
    const result = await simulate({
      world: { api: server({ service: '1s' }) },
      load: trace({ times: [0, 2000] }),
      duration: '5s',
      candidate:
        ({ clock, world: targets }) =>
        async (call) => {
          const controller = new AbortController();
          if (call.index === 1) controller.abort('before');
          else clock.setTimeout(() => controller.abort('during'), 100);
          reasons.push(await simulatedFetch(targets)('http://api', controller).catch((reason) => reason));
        },
    });
    expect(reasons).toEqual(['during', 'before']);
    expect(result.attempts).toBe(1);
  });

  it('options are checked', () => {
    expect(() => simulatedFetch({}, { respond: 'ok' as never })).toThrow('"respond" must be a function');
    expect(() => simulatedFetch({}, { response: 1 } as never)).toThrow('"response" is unknown');
  });
});

describe('Other parts of the package in a simulation', () => {
  it('an HTTP cache serves repeated requests', async () => {
    const result = await simulate({
      world,
      load: constantRate({ perSecond: 50, keys: zipf({ count: 20 }) }),
      duration: '10s',
      candidate: ({ clock, world: targets }) => {
        const fetch = cachedFetch(
          simulatedFetch(targets, { respond: () => new Response('x', { headers: { 'cache-control': 'max-age=60' } }) }),
          { clock },
        );
        return async ({ key }) => (await fetch(`http://api/${key}`)).text();
      },
    });
    expect(result.attempts).toBeLessThanOrEqual(20);
    expect(result.good).toBe(result.offered);
  });

  it('a load balancer routes around a node that is down', async () => {
    const nodes: Record<string, ServerDefinition> = Object.fromEntries(
      ['a', 'b', 'c'].map((name) => [name, server({ workers: 2, service: exponential('10ms') })]),
    );
    const result = await simulate({
      world: nodes,
      load,
      faults: [down('b', { at: '5s' })],
      duration: '20s',
      candidate: ({ clock, random, world: targets }) => {
        const balancer = new LoadBalancer(Object.keys(nodes), {
          pick: roundRobin(),
          outlier: { consecutiveFailures: 3, ejectFor: '1m' },
          clock,
          random,
        });
        return () => balancer.execute(({ node }) => targets[node]!.send());
      },
    });
    expect(result.servers.b!.refused).toBeGreaterThan(0);
    expect(result.servers.b!.refused).toBeLessThan(10);
    expect(result.success).toBeGreaterThan(0.99);
  });

  it('loaders of many keys, write-behind caches and flushed caches work', async () => {
    const sizes: number[] = [];
    let writes = 0;
    const result = await simulate({
      world: { store: server({ service: constant('20ms') }) },
      load: constantRate({ perSecond: 100, keys: zipf({ count: 50 }) }),
      faults: [flush(undefined, { at: '5s' })],
      duration: '10s',
      candidate: ({ clock, world: targets, onFlush }) => {
        const cache = loadingCache({
          loadMany: async (keys: readonly string[]) => {
            sizes.push(keys.length);
            await targets.store.send();
            return [...keys];
          },
          capacity: 100,
          ttl: '1h',
          clock,
        });
        const behind = writeBehind({
          write: async () => {
            writes++;
            await targets.store.send();
          },
          clock,
        });
        onFlush(() => cache.clear());
        return async ({ key, index }) => {
          if (index % 10 === 0) await behind.set(key!, index);
          return cache.getMany([key!, '0', '1']);
        };
      },
    });
    expect(result.success).toBe(1);
    expect(writes).toBeGreaterThan(20);
    expect(sizes[0]).toBe(3);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(60); // every key twice: before and after the flush
  });
});

it('a simulation uses no real timer, no real clock and no real randomness', async () => {
  const { setTimeout: timer, setInterval: interval, Date: date } = globalThis;
  const { now } = performance;
  const { random } = Math;
  const forbidden = (): never => {
    throw new Error('real');
  };
  Object.assign(globalThis, { setTimeout: forbidden, setInterval: forbidden, Date: forbidden });
  performance.now = forbidden;
  Math.random = forbidden;
  let result: Awaited<ReturnType<typeof simulate>>;
  try {
    result = await simulate({
      world,
      load,
      faults: [error('api', 0.5, { at: '1s', for: '1s' })],
      duration: '5s',
      candidate: guarded,
    });
  } finally {
    Object.assign(globalThis, { setTimeout: timer, setInterval: interval, Date: date });
    performance.now = now;
    Math.random = random;
  }
  expect(result.good).toBeGreaterThan(400);
});
