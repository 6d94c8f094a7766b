/** The rules of the pacing gate of resilientFetch, one by one. */
import {
  exponentialBackoff,
  type FetchLike,
  type ResilientFetchOptions,
  RetryBudget,
  resilientFetch,
} from 'breakwater';
import { seededRandom, TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';

const URL_A = 'http://a.example/';

interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: BodyInit | null;
  /** The time to the response in milliseconds. @defaultValue 20 */
  readonly ms?: number;
  readonly error?: unknown;
}

interface Sent {
  readonly at: number;
  readonly url: string;
  readonly index: number;
  readonly signal: AbortSignal;
}

const refusal = (seconds?: number | string): Answer => ({
  status: 429,
  headers: seconds === undefined ? {} : { 'retry-after': String(seconds) },
  body: 'slow down',
});

/** A fetch whose n-th request is answered by `answerOf`. */
function setUp(answerOf: (sent: Sent) => Answer, options: Partial<ResilientFetchOptions<FetchLike>> = {}) {
  const clock = new TestClock();
  const sent: Sent[] = [];
  const events: { type: string; reason?: string; key?: string }[] = [];
  const fetch = resilientFetch({
    random: seededRandom(1),
    clock,
    ...options,
    fetch: async (url: string | URL | Request, init?: RequestInit) => {
      const request = { at: clock.now(), url: String(url), index: sent.length, signal: init?.signal as AbortSignal };
      sent.push(request);
      const { status = 200, headers = {}, body = 'ok', ms = 20, error } = answerOf(request);
      await new Promise<void>((resolve, reject) => {
        const timer = clock.setTimeout(resolve, ms);
        request.signal.addEventListener('abort', () => {
          clock.clearTimeout(timer);
          reject(request.signal.reason);
        });
      });
      if (error !== undefined) throw error;
      return new Response(body, { status, headers });
    },
    on: {
      stateChange: ({ to }) => events.push({ type: `breaker ${to}` }),
      reject: ({ by, key }) => events.push({ type: `reject ${by}`, key }),
      retry: () => events.push({ type: 'retry' }),
      giveUp: ({ reason }) => events.push({ type: 'giveUp', reason }),
    },
  });
  const ask = (init?: RequestInit, url = URL_A) =>
    watch(
      fetch(url, init).then(
        async (response) => `${response.status} ${await response.text()}`,
        (error) => error.code ?? error.message,
      ),
    );
  const values = (calls: readonly { readonly value?: string }[]) => calls.map(({ value }) => value);
  return { clock, sent, events, fetch, ask, values };
}

describe('The pacing gate', () => {
  it('a call that is refused waits for Retry-After, is sent again, and is no attempt of the retry', async () => {
    const budget = new RetryBudget({ minPerSecond: 0, ratio: 0, clock: new TestClock() });
    const { clock, sent, events, ask } = setUp(({ index }) => (index === 0 ? refusal(2) : {}), {
      retry: { maxAttempts: 1, budget },
    });
    const call = ask();
    await clock.advance(3000);
    expect(call.value).toBe('200 ok');
    expect(sent[1]!.at).toBeGreaterThanOrEqual(2020);
    expect(sent[1]!.at).toBeLessThanOrEqual(2220); // E11: up to 10 % later, and not earlier
    expect(events).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('the gates of two clients with the same Retry-After do not open at the same time (E11)', async () => {
    const openings = await Promise.all(
      [1, 2, 3, 4, 5].map(async (seed) => {
        const options = { random: seededRandom(seed) };
        const { clock, sent, ask } = setUp(({ index }) => (index === 0 ? refusal(5) : {}), options);
        ask();
        await clock.advance(6000);
        return sent[1]!.at;
      }),
    );
    expect(new Set(openings).size).toBe(5);
    expect(Math.max(...openings) - Math.min(...openings)).toBeGreaterThan(50);
  });

  it('a 429 is a success for the breaker, so that the other answers decide (E1, E2, E3)', async () => {
    // 3 failures and 30 refusals: without the refusals, the failures would be all calls of the window.
    const { clock, events, ask } = setUp(({ index }) => (index < 30 ? refusal() : { status: 503 }), {
      circuitBreaker: { minimumCalls: 3 },
      retry: { maxAttempts: 1 },
    });
    for (let n = 0; n < 33; n++) ask({ method: 'POST' });
    await clock.advance(1000);
    expect(events.filter(({ type }) => type.startsWith('breaker'))).toEqual([]);
  });

  it('a half-open breaker closes on a 429 (E2)', async () => {
    const { clock, events, ask } = setUp(({ index }) => (index === 0 ? { status: 500 } : refusal(1)), {
      circuitBreaker: { consecutiveFailures: 1, openFor: '1s', halfOpen: { probes: 1 } },
      retry: { maxAttempts: 1 },
    });
    ask();
    await clock.advance(1500);
    const probe = ask({ method: 'POST' });
    await clock.advance(100);
    expect(probe.value).toBe('429 slow down');
    expect(events.filter(({ type }) => type.startsWith('breaker')).map(({ type }) => type)).toEqual([
      'breaker open',
      'breaker half-open',
      'breaker closed',
    ]);
  });

  it('calls wait outside the bulkhead, in the order of their arrival, and hold no slot (E5)', async () => {
    const { clock, sent, ask, values } = setUp(({ index }) => (index === 0 ? refusal(1) : { body: `${index}` }), {
      bulkhead: { maxConcurrent: 1, maxQueue: 20 },
    });
    const first = ask();
    await clock.advance(100);
    const calls = Array.from({ length: 20 }, (_, n) => ask({}, `${URL_A}${n}`));
    await clock.advance(1); // a bulkhead with a queue of 20 would have rejected none either, but it would be full
    expect(ask({}, 'http://b.example/').state).toBe('pending');
    await clock.advance(29_000);
    expect(values([first, ...calls]).every((value) => value?.startsWith('200'))).toBe(true);
    const paths = sent.filter(({ url }) => url.startsWith(URL_A)).map(({ url }) => new URL(url).pathname);
    expect(paths).toEqual(['/', '/', ...Array.from({ length: 20 }, (_, n) => `/${n}`)]);
  });

  it('a call that waits for a slot while the gate closes returns to its place and is not sent (E5)', async () => {
    const { clock, sent, events, ask, values } = setUp(({ index }) => (index === 0 ? refusal(1) : {}), {
      bulkhead: { maxConcurrent: 1 },
      circuitBreaker: { consecutiveFailures: 1 },
      classify: (outcome) =>
        outcome.ok ? ((outcome.value as Response).status === 429 ? 'throttled' : 'success') : 'failure',
    });
    const calls = Array.from({ length: 5 }, (_, n) => ask({}, `${URL_A}${n}`));
    await clock.advance(900);
    expect(sent.map(({ at }) => at)).toEqual([0, 20]); // one got the slot before the answer had reached the gate
    await clock.advance(20_000);
    expect(values(calls)).toEqual(['200 ok', '200 ok', '200 ok', '200 ok', '200 ok']);
    expect(sent.map(({ url }) => new URL(url).pathname)).toEqual(['/0', '/1', '/0', '/2', '/3', '/4']);
    expect(events).toEqual([]); // the breaker has not judged the calls that returned
  });

  it.each<[string, Answer]>([
    ['is reset', { error: Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNRESET' } }) }],
    ['hangs until its attempt timeout', { ms: Infinity }],
    ['is judged a failure', { status: 500 }],
  ])('the next call is sent if the probe %s (E6)', async (_how, probe) => {
    const { clock, ask, values, sent } = setUp(({ index }) => {
      if (index < 20) return index < 5 ? {} : refusal(1);
      return index === 20 ? probe : {};
    });
    const calls = Array.from({ length: 20 }, () => ask());
    await clock.advance(40_000);
    expect(values(calls)).toEqual(calls.map(() => '200 ok'));
    expect(sent.length).toBeGreaterThan(20 + 15);
    expect(clock.pendingTimers).toBe(0);
  });

  it('the next call is sent if the caller aborts the probe (E6)', async () => {
    const controllers = Array.from({ length: 20 }, () => new AbortController());
    const { clock, ask, values } = setUp(({ index }) => {
      if (index === 20) clock.setTimeout(() => controllers[5]!.abort(new Error('mine')), 5);
      return index < 5 || index > 20 ? {} : index === 20 ? { ms: Infinity } : refusal(1);
    });
    const calls = controllers.map(({ signal }) => ask({ signal }));
    await clock.advance(20_000);
    expect(values(calls)).toEqual(calls.map((_, n) => (n === 5 ? 'mine' : '200 ok')));
    expect(clock.pendingTimers).toBe(0);
  });

  it('after five refusals in a row every call ends with its own 429, and the retry does not repeat it (E7, E9)', async () => {
    const { clock, sent, events, ask, values } = setUp(({ index }) => ({ ...refusal(1), body: `${index}` }));
    const calls = Array.from({ length: 10 }, () => ask());
    await clock.advance(20_000);
    // The first call has sent the four probes; the others return the answers to the first volley.
    expect(values(calls)).toEqual(['429 13', ...Array.from({ length: 9 }, (_, n) => `429 ${n + 1}`)]);
    expect(sent.length).toBe(14);
    expect(sent.at(-1)!.at).toBeLessThan(6000);
    expect(events).toEqual(calls.map(() => ({ type: 'giveUp', reason: 'not-retryable' })));
    expect(clock.pendingTimers).toBe(0);
  });

  it('while the gate has given up, new calls are rejected at once, and afterwards a probe is sent', async () => {
    let isWell = false;
    const { clock, sent, ask } = setUp(() => (isWell ? {} : refusal(1)));
    const first = ask();
    while (first.state === 'pending') await clock.advance(10);
    const before = sent.length;
    const rejected = ask();
    await settle();
    expect(rejected.value).toBe('ERR_RATE_LIMITED');
    isWell = true;
    await clock.advance(4000);
    const later = ask();
    await clock.advance(100);
    expect(later.value).toBe('200 ok');
    expect(sent.length).toBe(before + 1);
  });

  it('a call keeps its place in the line when the retry repeats it (E8)', async () => {
    const seen = new Map<string, number>();
    const { clock, sent, ask } = setUp(
      ({ url, at }) => {
        const count = seen.get(url) ?? 0;
        seen.set(url, count + 1);
        if (url.endsWith('/first') && count === 0) return { status: 503, ms: 20 };
        return at < 1000 ? { ...refusal(2), ms: 30 } : {};
      },
      { retry: { backoff: () => 500 } },
    );
    ask({}, `${URL_A}first`);
    for (let n = 0; n < 5; n++) ask({}, `${URL_A}${n}`);
    await clock.advance(30_000);
    // The first call comes back to the gate 500 ms later than the others, and is sent before them.
    const later = sent.filter(({ at }) => at > 1000).map(({ url }) => new URL(url).pathname);
    expect(later).toEqual(['/first', '/0', '/1', '/2', '/3', '/4']);
  });

  it('a waiting call reads its 429 up to drainLimit, and can return it (E9)', async () => {
    const bodies: ReadableStream[] = [];
    const body = (text: string) => {
      const stream = new Blob([text]).stream() as ReadableStream;
      bodies.push(stream);
      return stream;
    };
    const { clock, ask } = setUp(({ index }) => ({ ...refusal(1), body: body(`${index}:${'x'.repeat(1000)}`) }), {
      drainLimit: 2000,
    });
    const call = ask();
    await clock.advance(500);
    await expect(bodies[0]!.getReader === undefined ? null : bodies[0]!.locked).toBe(true);
    await clock.advance(20_000);
    expect(call.value).toBe(`429 4:${'x'.repeat(1000)}`);
  });

  it('the body of a 429 that is longer than drainLimit fails after the kept bytes, and holds no connection (E9)', async () => {
    let cancelled = 0;
    const endless = () =>
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(100)),
        cancel: () => {
          cancelled++;
        },
      });
    const { clock, fetch } = setUp(() => ({ ...refusal(1), body: endless() }), { drainLimit: 250 });
    void fetch(URL_A);
    const call = watch(fetch(URL_A)); // waits behind the first call until the gate gives up
    await clock.advance(10_000);
    expect(call.value?.status).toBe(429);
    const reader = call.value!.body!.getReader();
    let bytes = 0;
    await expect(
      (async () => {
        for (;;) bytes += (await reader.read()).value!.byteLength;
      })(),
    ).rejects.toThrow('drainLimit');
    expect(bytes).toBe(250);
    expect(cancelled).toBeGreaterThan(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('a call that was never sent ends with RateLimitedError when the gate closes beyond its deadline (E9)', async () => {
    const { clock, sent, events, ask } = setUp(() => refusal(8), { timeout: '5s' });
    const first = ask();
    await clock.advance(100);
    expect(first.value).toBe('429 slow down'); // at once: its second request would be sent after its deadline
    const second = ask();
    await settle();
    expect(second.value).toBe('ERR_RATE_LIMITED');
    expect(sent.length).toBe(1);
    expect(events).toEqual([
      { type: 'giveUp', reason: 'deadline' },
      { type: 'reject rate-limit', key: 'http://a.example' },
      { type: 'giveUp', reason: 'deadline' },
    ]);
  });

  it('a call that ends because of maxElapsed says so, and not that its deadline has passed', async () => {
    const { clock, fetch, events } = setUp(() => refusal(5), { retry: { maxElapsed: 2_000 }, timeout: '30s' });
    const call = watch(fetch(URL_A));
    await clock.advance(10_000);
    expect(call.value?.status).toBe(429);
    expect(events).toEqual([{ type: 'giveUp', reason: 'elapsed' }]);
  });

  it('a RateLimitedError of the gate says when a call may be sent', async () => {
    const { clock, fetch, ask } = setUp(() => refusal(20), { timeout: '5s' });
    ask();
    await clock.advance(1020);
    const error = await fetch(URL_A).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'ERR_RATE_LIMITED', policy: 'http://a.example', decision: { allowed: false } });
    expect(error.retryAfterMs).toBeGreaterThanOrEqual(19_000);
    expect(error.retryAfterMs).toBeLessThanOrEqual(21_000);
  });

  it.each([
    ['with a timeout', '30s'],
    ['without a timeout', Infinity],
  ] as const)('a quota of an hour comes back at once, also for new calls, %s (E13)', async (_how, timeout) => {
    const { clock, sent, events, ask } = setUp(({ at }) => (at < 60_000 ? refusal(3600) : {}), { timeout });
    const first = ask();
    await clock.advance(100);
    expect(first.value).toBe('429 slow down');
    expect(events[0]).toEqual({ type: 'giveUp', reason: 'retry-after' });
    const second = ask();
    await settle();
    expect(second.value).toBe('ERR_RATE_LIMITED');
    await clock.advance(66_100); // an announced pause lasts for at most a minute, plus 10 %
    const third = ask();
    await clock.advance(100);
    expect(third.value).toBe('200 ok');
    const fourth = ask();
    await clock.advance(100);
    expect(fourth.value).toBe('200 ok'); // the quota is renewed, so nothing is paced
    expect(sent.length).toBe(3);
  });

  it('a POST that is refused is not repeated, and closes the gate for the others (E1)', async () => {
    const { clock, sent, events, ask } = setUp(({ index }) => (index === 0 ? refusal(1) : {}));
    const post = ask({ method: 'POST', body: 'x' });
    await clock.advance(100);
    expect(post.value).toBe('429 slow down');
    expect(events).toEqual([{ type: 'giveUp', reason: 'not-retryable' }]);
    const next = ask({ method: 'POST', body: 'y' });
    await clock.advance(500);
    expect(next.state).toBe('pending');
    await clock.advance(1000);
    expect(next.value).toBe('200 ok');
    expect(sent.length).toBe(2);
  });

  it('the gate of one key does not delay another key (E15)', async () => {
    const { clock, ask } = setUp(({ url }) => (url.includes('search') ? refusal(20) : {}), {
      key: ({ url }) => `${url.origin}${url.pathname.startsWith('/search') ? '/search' : ''}`,
    });
    const limited = ask({}, `${URL_A}search`);
    await clock.advance(100);
    const other = ask({}, `${URL_A}users`);
    await clock.advance(100);
    expect(other.value).toBe('200 ok');
    expect(limited.state).toBe('pending');
  });

  it('a 503 with Retry-After does not close the gate (E12)', async () => {
    const { clock, sent, ask } = setUp(({ index }) =>
      index === 0 ? { status: 503, headers: { 'retry-after': '5' } } : {},
    );
    const first = ask();
    await clock.advance(100);
    const second = ask();
    await clock.advance(100);
    expect(second.value).toBe('200 ok');
    await clock.advance(10_000);
    expect(first.value).toBe('200 ok');
    expect(sent.length).toBe(3);
  });

  it('refusals of the first volley are one event: the rate is not cut for each of them', async () => {
    const { clock, sent, ask, values } = setUp(({ index }) => (index >= 10 && index < 100 ? refusal(1) : {}));
    const calls = Array.from({ length: 100 }, () => ask());
    await clock.advance(15_000);
    expect(values(calls)).toEqual(calls.map(() => '200 ok'));
    const second = sent.filter(({ at }) => at >= 2000 && at < 3000).length;
    expect(second).toBeGreaterThanOrEqual(8); // 0.95 × 10 per second
    expect(second).toBeLessThanOrEqual(11);
  });

  it('the gate is forgotten ten seconds after the last refusal', async () => {
    const { clock, sent, ask } = setUp(({ index }) => (index === 0 ? refusal(1) : {}));
    ask();
    await clock.advance(12_000);
    const before = sent.length;
    for (let n = 0; n < 50; n++) ask();
    await settle();
    expect(sent.length).toBe(before + 50);
    await clock.advance(100);
    expect(clock.pendingTimers).toBe(0);
  });

  it('retry: false turns the gate off', async () => {
    const { clock, sent, ask } = setUp(() => refusal(10), { retry: false });
    for (let n = 0; n < 3; n++) {
      const call = ask();
      await clock.advance(30);
      expect(call.value).toBe('429 slow down');
    }
    expect(sent.length).toBe(3);
  });

  it('maxElapsed and maxRetryAfter of the retry hold at the gate', async () => {
    const elapsed = setUp(() => refusal(3), { retry: { maxElapsed: '2s' } });
    const one = elapsed.ask();
    await elapsed.clock.advance(100);
    expect(one.value).toBe('429 slow down');
    const long = setUp(() => refusal(3), { retry: { maxRetryAfter: '2s' } });
    const other = long.ask();
    await long.clock.advance(100);
    expect(other.value).toBe('429 slow down');
  });

  it('an error that is judged throttled is paced too', async () => {
    const slowDown = Object.assign(new Error('SlowDown'), { retryAfterMs: 1000 });
    const { clock, ask, sent, events } = setUp(({ index }) => (index === 0 ? { error: slowDown } : {}), {
      classify: (outcome) => (outcome.ok ? 'success' : 'throttled'),
      retry: { backoff: exponentialBackoff() },
    });
    const call = ask();
    await clock.advance(1200);
    expect(call.value).toBe('200 ok');
    expect(sent.length).toBe(2);
    expect(events).toEqual([]);
  });

  it('fetch.breakwater.reset(key) sends the waiting calls at once', async () => {
    const { clock, fetch, ask } = setUp(({ index }) => (index === 0 ? refusal(20) : {}), { rateLimit: {} });
    const call = ask();
    await clock.advance(100);
    expect(call.state).toBe('pending');
    (fetch as unknown as { breakwater: { reset(key: string): void } }).breakwater.reset('http://a.example');
    await clock.advance(30);
    expect(call.value).toBe('200 ok');
    expect(clock.pendingTimers).toBe(0);
  });
});
