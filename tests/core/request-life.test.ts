import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

type Breakwater = typeof import('breakwater');

/** The package as it is in a worker, where timers belong to requests. */
let b: Breakwater;
/** The timers that each request has set. */
const timers = new Map<string, unknown[]>();
let current = 'none';

beforeEach(async () => {
  vi.useFakeTimers();
  vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
  for (const name of ['setTimeout', 'setInterval'] as const) {
    const set = globalThis[name] as (...args: unknown[]) => unknown;
    const recorded = (...args: unknown[]): unknown => {
      const timer = set(...args);
      timers.set(current, [...(timers.get(current) ?? []), timer]);
      return timer;
    };
    vi.stubGlobal(name, Object.assign(recorded, set));
  }
  vi.resetModules();
  b = await import('breakwater');
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
  timers.clear();
});

/** Runs the synchronous part of a request, which is the part that sets its timers. */
function request<T>(name: string, work: () => T): T {
  current = name;
  const result = work();
  current = 'none';
  if (result instanceof Promise) result.catch(() => {}); // no code of an ended request handles its rejection
  return result;
}

/** Ends a request as a worker does: its timers never fire, and no other code of it runs. */
function end(name: string): void {
  for (const timer of timers.get(name) ?? []) clearTimeout(timer as never);
}

const never = () => new Promise<never>(() => {});
const settled = (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((error: { code?: string; message: string }) => error.code ?? error.message);

describe('Where timers belong to requests', () => {
  it('a timeout ends its call after the request of an earlier call has ended', async () => {
    const policy = b.timeout(100);
    request('a', () => policy.execute(never).catch(() => {}));
    const call = request('b', () => settled(policy.execute(never)));
    end('a');
    await vi.advanceTimersByTimeAsync(100);
    expect(await call).toBe('ERR_TIMEOUT');
  });

  it('a waiter of a limiter gets its turn after the request of an earlier waiter has ended', async () => {
    const bucket = new b.TokenBucket({ capacity: 1, refill: 1, per: 100 });
    bucket.tryAcquire();
    request('a', () => bucket.acquire());
    const turn = request('b', () => bucket.acquire());
    end('a');
    await vi.advanceTimersByTimeAsync(300);
    expect((await turn).allowed).toBe(true);
  });

  it('the slot of a request that has ended is free again after five seconds', async () => {
    const bulkhead = b.bulkhead({ maxConcurrent: 1, maxQueue: 5 });
    request('a', () => bulkhead.execute(never));
    const call = request('b', () => bulkhead.execute(() => 'done'));
    end('a');
    await vi.advanceTimersByTimeAsync(5000);
    expect(bulkhead.active).toBe(1);
    await vi.advanceTimersByTimeAsync(1000);
    expect([await call, bulkhead.active]).toEqual(['done', 0]);
  });

  it('a slot is not given to a waiter whose request has ended', async () => {
    const bulkhead = b.bulkhead({ maxConcurrent: 1, maxQueue: 5 });
    const permit = request('a', () => bulkhead.tryAcquire());
    request('b', () => bulkhead.execute(never));
    const call = request('c', () => bulkhead.execute(() => 'c'));
    end('b');
    await vi.advanceTimersByTimeAsync(7000);
    permit?.release();
    expect([await call, bulkhead.active, bulkhead.queued]).toEqual(['c', 0, 0]);
  });

  it('a slot stays with a request that lives', async () => {
    const bulkhead = b.bulkhead({ maxConcurrent: 1 });
    request('a', () => bulkhead.execute(never));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await settled(bulkhead.execute(() => 'b'))).toBe('ERR_BULKHEAD_FULL');
  });

  it('waiters of a load reject, and the next read loads again, if the request of the load has ended', async () => {
    let loads = 0;
    const cache = b.loadingCache({ capacity: 5, load: () => (++loads === 1 ? never() : Promise.resolve('value')) });
    request('a', () => cache.get('k'));
    const waiting = request('b', () => settled(cache.get('k')));
    end('a');
    await vi.advanceTimersByTimeAsync(7000);
    expect(await waiting).toBe(
      'The operation was shared with another request of this worker, which has ended before it',
    );
    expect([await request('c', () => cache.get('k')), loads]).toEqual(['value', 2]);
  });

  it('a background refresh whose request has ended is started again', async () => {
    let loads = 0;
    const load = () => (++loads === 2 ? never() : Promise.resolve(`value ${loads}`));
    const cache = b.loadingCache({ capacity: 5, load, ttl: 10, staleWhileRevalidate: '1h' });
    await cache.get('k');
    await vi.advanceTimersByTimeAsync(20);
    expect(await request('a', () => cache.get('k'))).toBe('value 1');
    end('a');
    await vi.advanceTimersByTimeAsync(7000);
    await cache.get('k');
    await vi.advanceTimersByTimeAsync(0);
    expect(await cache.get('k')).toBe('value 3');
  });

  it('a coalesced operation whose request has ended is started again', async () => {
    const policy = b.coalesce();
    request('a', () => policy.execute(never, { key: 'k' }));
    end('a');
    await vi.advanceTimersByTimeAsync(7000);
    expect(await policy.execute(() => 'again', { key: 'k' })).toBe('again');
  });

  it('no timer is left after a call', async () => {
    const policy = b.pipeline(b.timeout('1m'), b.bulkhead({ maxConcurrent: 1, maxQueue: 5 }), b.coalesce());
    const cache = b.loadingCache({ capacity: 5, load: async () => 'value' });
    await Promise.all([1, 2, 3].map((call) => policy.execute(async () => call, { key: String(call) })));
    await Promise.all([cache.get('a'), cache.get('a')]);
    await new b.TokenBucket({ capacity: 1, refill: 1, per: 100 }).acquire();
    expect(vi.getTimerCount()).toBe(0);
  });
});
