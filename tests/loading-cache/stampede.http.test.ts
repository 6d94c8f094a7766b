import { type LoadingCache, type LoadingCacheOptions, loadingCache, tiered } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { type TestServer, testServer } from '../support/http-server.js';
import { defer } from '../support/promises.js';
import { MapStore } from '../tiered-cache/map-store.js';

const READERS = 1000;

/** An origin that answers after `world.gate` with a running number, or with the error status of `world.status`. */
async function heldOrigin() {
  const world = { gate: Promise.resolve(), status: 200 };
  const server = await testServer(async ({ index }) => {
    await world.gate;
    return { status: world.status, body: `${index + 1}` };
  });
  return { server, world };
}

const loadFrom =
  (origin: TestServer) =>
  async (path: string, { signal }: { readonly signal: AbortSignal }): Promise<string> => {
    const response = await fetch(`${origin.origin}/${path}`, { signal });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return response.text();
  };

/** A service in front of the origin. `expectArrivals` resolves when the expected number of requests has arrived. */
async function service(cache: Pick<LoadingCache<string, string>, 'get'>) {
  const arrived = { expected: Infinity, all: () => {} };
  let count = 0;
  const server = await testServer(async ({ path }) => {
    const answer = cache.get(path.slice(1));
    if (++count === arrived.expected) arrived.all();
    return answer.then(
      (body) => ({ body }),
      (error: Error) => ({ status: 502, body: error.message }),
    );
  });
  const expectArrivals = (number: number) => {
    const { promise, resolve } = defer<void>();
    count = 0;
    arrived.expected = number;
    arrived.all = resolve;
    return promise;
  };
  return { server, expectArrivals };
}

/** The number of concurrent readers per answer. */
async function readers(origin: string): Promise<Record<string, number>> {
  const answers = await Promise.all(
    Array.from({ length: READERS }, async () => {
      const response = await fetch(`${origin}/price`);
      return `${response.status} ${await response.text()}`;
    }),
  );
  const counts: Record<string, number> = {};
  for (const answer of answers) counts[answer] = (counts[answer] ?? 0) + 1;
  return counts;
}

async function setUp(options: Partial<LoadingCacheOptions<string, string>> = {}) {
  const clock = new TestClock();
  const { server: origin, world } = await heldOrigin();
  const cache = loadingCache<string, string>({ load: loadFrom(origin), capacity: 10, ttl: '1m', clock, ...options });
  return { clock, origin, world, cache, front: await service(cache) };
}

/** Lets all readers arrive before the origin answers its first request. */
async function stampede({ world, front }: Pick<Awaited<ReturnType<typeof setUp>>, 'world' | 'front'>) {
  const gate = defer<void>();
  world.gate = gate.promise;
  const all = front.expectArrivals(READERS);
  const answers = readers(front.server.origin);
  await all;
  gate.resolve();
  return answers;
}

describe('a thousand concurrent readers over HTTP', () => {
  it('Readers of a missing key, and then of an expired key, cause one origin request each time', async () => {
    const made = await setUp();
    await using origin = made.origin;
    await using _front = made.front.server;
    expect(await stampede(made)).toEqual({ '200 1': READERS });
    expect(await stampede(made)).toEqual({ '200 1': READERS });
    expect(origin.requests.length).toBe(1);
    await made.clock.advance(60_000);
    expect(await stampede(made)).toEqual({ '200 2': READERS });
    expect(origin.requests.length).toBe(2);
    expect(made.cache.stats).toMatchObject({ loads: 2, coalesced: 2 * (READERS - 1), hits: READERS });
  });

  it('Readers share one failure, and receive the stale value where staleIfError allows it', async () => {
    const made = await setUp({ staleIfError: '1h' });
    await using origin = made.origin;
    await using _front = made.front.server;
    made.world.status = 500;
    expect(await stampede(made)).toEqual({ '502 status 500': READERS });
    made.world.status = 200;
    expect(await stampede(made)).toEqual({ '200 2': READERS });
    made.world.status = 500;
    await made.clock.advance(60_000);
    expect(await stampede(made)).toEqual({ '200 2': READERS });
    expect(origin.requests.length).toBe(3);
  });

  it('Readers receive the stale value at once while one origin request refreshes it', async () => {
    const made = await setUp({ staleWhileRevalidate: '1h' });
    await using origin = made.origin;
    await using _front = made.front.server;
    await made.cache.get('price');
    await made.clock.advance(60_000);
    const gate = defer<void>();
    made.world.gate = gate.promise;
    expect(await readers(made.front.server.origin)).toEqual({ '200 1': READERS }); // before the origin has answered
    expect(made.cache.loading).toBe(1);
    const loaded = new Promise((resolve) => made.cache.on('load', resolve));
    gate.resolve();
    await loaded;
    expect([made.cache.peek('price'), origin.requests.length]).toEqual(['2', 2]);
  });

  it('Readers of two tiered caches cause one origin request and one read of the second tier per cache', async () => {
    const clock = new TestClock();
    const { server, world } = await heldOrigin();
    await using origin = server;
    const store = new MapStore(clock);
    const make = () => tiered<string>({ capacity: 10 }, store, { load: loadFrom(origin), ttl: '1m', clock });
    const [front, other] = [await service(make()), await service(make())];
    await using _one = front.server;
    await using _two = other.server;
    expect(await stampede({ world, front })).toEqual({ '200 1': READERS });
    expect(await stampede({ world, front: other })).toEqual({ '200 1': READERS });
    expect([origin.requests.length, store.operations]).toEqual([1, ['get price', 'set price', 'get price']]);
  });
});
