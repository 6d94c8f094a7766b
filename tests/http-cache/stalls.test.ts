import { cachedFetch, resilientFetch } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { defer, settle, watch } from '../support/promises.js';
import { type OriginCall, ok, setUp, URL_A } from './setup.js';

const FRESH = { 'cache-control': 'max-age=60' };

/** A response whose body stalls after one byte, and whether the body was cancelled. */
function stalled(headers: Record<string, string> = FRESH, status = 200) {
  let isCancelled = false;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array(1)),
    cancel: () => {
      isCancelled = true;
    },
  });
  return { response: new Response(body, { headers, status }), isCancelled: () => isCancelled };
}

/** An origin that returns these responses first, and complete responses afterwards. */
const first =
  (...responses: (Response | Promise<Response>)[]) =>
  ({ number }: OriginCall) =>
    responses[number - 1] ?? ok(FRESH, `body ${number}`);

const never = () => new Promise<Response>(() => {});

describe('a stalled body', () => {
  it('A waiter of a stalled body sends its own request after lockTimeout', async () => {
    const { fetch, get, clock, calls } = setUp(first(stalled().response));
    await fetch(URL_A);
    const second = watch(get());
    await clock.advance(4999);
    expect([second.state, calls.length]).toEqual(['pending', 1]);
    await clock.advance(1);
    expect([second.value?.text, calls.length]).toEqual(['body 2', 2]);
    expect((await get()).cacheStatus).toMatch(/^hit/);
  });

  it.each<[string | number, number]>([
    ['200ms', 200],
    [0, 0],
  ])('A waiter of a stalled body waits for the given lockTimeout: %s', async (lockTimeout, ms) => {
    const { fetch, get, clock } = setUp(first(stalled().response), { lockTimeout: lockTimeout as number });
    await fetch(URL_A);
    const second = watch(get());
    await clock.advance(ms);
    expect(second.value?.text).toBe('body 2');
  });

  it('A call that begins after lockTimeout does not wait for the stalled body', async () => {
    const { fetch, get, clock } = setUp(first(stalled().response));
    await fetch(URL_A);
    await clock.advance(5000);
    expect((await get()).text).toBe('body 2');
  });

  it('Calls after lockTimeout join the first request sent after it', async () => {
    const reply = defer<Response>();
    const { fetch, get, clock, calls } = setUp(first(stalled().response, reply.promise));
    await fetch(URL_A);
    await clock.advance(5000);
    const others = [1, 2, 3].map(() => get());
    await settle();
    expect(calls).toHaveLength(2);
    reply.resolve(ok(FRESH, 'well'));
    expect((await Promise.all(others)).map(({ text }) => text)).toEqual(['well', 'well', 'well']);
  });

  it('Each waiter waits for at most lockTimeout', async () => {
    const { fetch, get, clock, calls } = setUp(first(stalled().response));
    await fetch(URL_A);
    const early = watch(get());
    await clock.advance(3000);
    const late = watch(get());
    await clock.advance(2000);
    expect([early.state, calls.length]).toEqual(['fulfilled', 2]);
    await clock.advance(3000);
    expect(late.value?.cacheStatus).toMatch(/collapsed|hit|stored/);
  });

  it('A stalled body is cancelled when its reader has cancelled and its last waiter has given up', async () => {
    const { response, isCancelled } = stalled();
    const { fetch, get, clock, calls } = setUp(first(response));
    const { body } = await fetch(URL_A);
    const second = watch(get());
    await body?.cancel();
    expect(isCancelled()).toBe(false);
    await clock.advance(5000);
    expect(second.value?.text).toBe('body 2');
    expect([isCancelled(), calls[0]?.signal?.aborted]).toEqual([true, true]);
  });

  it('A call does not join a stalled body whose reader has cancelled, even if another call waits', async () => {
    const { fetch, get, clock, calls } = setUp(first(stalled().response));
    const { body } = await fetch(URL_A);
    const waiting = watch(get());
    await body?.cancel();
    expect((await get()).text).toBe('body 2');
    await clock.advance(5000);
    expect(waiting.value?.text).toBe('body 2');
    expect(calls).toHaveLength(2);
  });

  it('A call does not join a stalled body whose reader has cancelled', async () => {
    const { fetch, get } = setUp(first(stalled().response));
    await (await fetch(URL_A)).body?.cancel();
    expect((await get()).text).toBe('body 2');
  });

  it('A waiter of the stalled body of an error response sends its own request after lockTimeout', async () => {
    const reply = defer<Response>();
    const { get, fetch, clock } = setUp(first(reply.promise));
    const leading = fetch(URL_A);
    const second = watch(get());
    reply.resolve(stalled({}, 503).response);
    await leading;
    await clock.advance(5000);
    expect(second.value?.text).toBe('body 2');
  });

  it('A waiter of a stalled body from a resilientFetch sends its own request after lockTimeout', async () => {
    let calls = 0;
    const clock = new TestClock();
    const origin = async (_url: string) => (++calls === 1 ? stalled().response : ok(FRESH, 'well again'));
    const fetch = cachedFetch(resilientFetch({ fetch: origin, timeout: 500, clock }), { clock });
    await fetch(URL_A);
    const second = watch(fetch(URL_A).then((response) => response.text()));
    await clock.advance(5000);
    await settle();
    expect(second.value).toBe('well again');
  });
});

describe('stalled headers', () => {
  it('A waiter of stalled headers sends its own request after lockTimeout', async () => {
    const { fetch, get, clock } = setUp(first(never()));
    watch(fetch(URL_A));
    const second = watch(get());
    await clock.advance(5000);
    expect(second.value?.text).toBe('body 2');
  });

  it('No timer remains once the headers have arrived', async () => {
    const reply = defer<Response>();
    const { fetch, get, clock } = setUp(first(reply.promise));
    const both = [fetch(URL_A), get()];
    reply.resolve(ok(FRESH));
    await Promise.all(both);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('background revalidation', () => {
  const SWR = { 'cache-control': 'max-age=1, stale-while-revalidate=3600' };

  it.each<[string, () => Response | Promise<Response>]>([
    ['body', () => stalled(SWR).response],
    ['headers', never],
  ])('A background revalidation whose %s stall is aborted after 30 seconds', async (_, second) => {
    const { get, clock, calls } = setUp(first(ok(SWR, 'old'), second()));
    await get();
    await clock.advance(1000);
    expect((await get()).text).toBe('old');
    await clock.advance(29_999);
    expect(calls[1]?.signal?.aborted).toBe(false);
    await clock.advance(1);
    expect(calls[1]?.signal?.aborted).toBe(true);
    expect(calls[1]?.signal?.reason).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: 30_000 });
  });

  it('A stalled background revalidation is followed by another one after lockTimeout', async () => {
    const { get, clock, calls } = setUp(first(ok(SWR, 'old'), stalled(SWR).response));
    await get();
    await clock.advance(1000);
    await get();
    await clock.advance(4999);
    await get();
    expect(calls).toHaveLength(2);
    await clock.advance(1);
    expect((await get()).text).toBe('old');
    await settle();
    expect((await get()).text).toBe('body 3');
  });

  it('A call with max-age=0 waits for a stalled background revalidation for lockTimeout', async () => {
    const { get, clock } = setUp(first(ok(SWR, 'old'), stalled(SWR).response));
    await get();
    await clock.advance(1000);
    await get();
    const waiting = watch(get({ headers: { 'cache-control': 'max-age=0' } }));
    await clock.advance(5000);
    expect(waiting.value?.text).toBe('body 3');
  });

  it('A waiter of an aborted background revalidation sends its own request', async () => {
    const { get, clock } = setUp(first(ok(SWR, 'old'), never()), { lockTimeout: '1h' });
    await get();
    await clock.advance(1000);
    await get();
    const waiting = watch(get({ headers: { 'cache-control': 'max-age=0' } }));
    await clock.advance(30_000);
    expect(waiting.value?.text).toBe('body 3');
  });

  it('No timer remains after a background revalidation', async () => {
    const { get, clock } = setUp(first(ok(SWR, 'old')));
    await get();
    await clock.advance(1000);
    await get();
    await settle();
    expect((await get()).text).toBe('body 2');
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('an endless stream', () => {
  const TYPES = ['text/event-stream', 'Text/Event-Stream; charset=utf-8', 'multipart/x-mixed-replace; boundary=x'];

  it.each(TYPES)(
    'Each caller receives an endless stream of its own at once, and nothing is stored: %s',
    async (type) => {
      const bodies: ReturnType<typeof stalled>[] = [];
      const { fetch, calls } = setUp(() => {
        bodies.push(stalled({ ...FRESH, 'content-type': type, etag: '"1"' }));
        return bodies.at(-1)!.response;
      });
      const responses = await Promise.all([fetch(URL_A), fetch(URL_A), fetch(URL_A)]);
      responses.push(await fetch(URL_A));
      for (const response of responses) {
        expect((await response.body!.getReader().read()).value).toHaveLength(1);
        expect(response.headers.get('cache-status')).not.toContain('stored');
      }
      expect(calls).toHaveLength(4);
      expect(fetch.cache.stats.stored).toBe(0);
    },
  );

  it('An error response with an endless stream is not shared', async () => {
    const { fetch, calls } = setUp(() => stalled({ 'content-type': 'text/event-stream' }, 503).response);
    await Promise.all([fetch(URL_A), fetch(URL_A)]);
    expect(calls).toHaveLength(2);
  });

  it('Calls that accept text/event-stream do not wait for each other', async () => {
    const { fetch, get, calls } = setUp(first(never(), never()));
    const init = { headers: { accept: 'text/event-stream' } };
    for (let i = 0; i < 2; i++) watch(fetch(URL_A, init));
    expect(calls).toHaveLength(2);
    expect((await get()).text).toBe('body 3');
  });
});
