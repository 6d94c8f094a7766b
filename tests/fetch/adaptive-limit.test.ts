import { explain, pipeline, resilientFetch, retry } from 'breakwater';
import { type AdaptiveLimit, adaptiveLimit, aimdLimit } from 'breakwater/overload';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { type Deferred, defer, settle, watch } from '../support/promises.js';

const url = 'http://a.test/';

function setUp(options?: Parameters<typeof adaptiveLimit>[0], fetchOptions?: Parameters<typeof resilientFetch>[0]) {
  const clock = new TestClock();
  const limits = new Map<string, AdaptiveLimit>();
  const answers: Deferred<Response>[] = [];
  const fetch = resilientFetch({
    clock,
    retry: false,
    ...fetchOptions,
    fetch: (_input: string | URL | Request, _init?: RequestInit) => {
      const answer = defer<Response>();
      answers.push(answer);
      return answer.promise;
    },
    limit: (key, kit) => {
      const limit = adaptiveLimit({ name: key, ...options, clock: kit.clock });
      limits.set(key, limit);
      return limit;
    },
  });
  return { clock, limits, answers, fetch };
}

describe('resilientFetch with a limit', () => {
  it('each key has a limit of its own, in place of the bulkhead, which is made for its first request', async () => {
    const { limits, answers, fetch } = setUp({ initialLimit: 1 });
    expect(limits.size).toBe(0);
    const calls = [fetch(url), fetch('http://b.test/')];
    const rejected = watch(fetch(url));
    await settle();
    expect([...limits.keys()]).toEqual(['http://a.test', 'http://b.test']);
    expect(rejected.error).toMatchObject({ code: 'ERR_BULKHEAD_FULL', policy: 'http://a.test' });
    expect(fetch.breakwater.snapshot().keys[0]).toMatchObject({ bulkhead: { active: 1, queued: 0 }, limit: 1 });
    for (const answer of answers) answer.resolve(new Response('answer'));
    await Promise.all(calls);
    expect(limits.get('http://a.test')?.stats).toMatchObject({ active: 0, samples: 1, overloads: 0 });
  });

  it('statuses 429 and 503 and the timeout of an attempt show an overload, a 500 and an abort nothing', async () => {
    for (const holdUntil of ['headers', 'body'] as const) {
      const { clock, limits, answers, fetch } = setUp({ holdUntil }, { bodyTimeout: '1m', attemptTimeout: 100 });
      for (const status of [200, 429, 503, 500]) {
        const call = fetch(url);
        await settle();
        answers.at(-1)?.resolve(new Response('answer', { status }));
        await (await call).text();
      }
      const late = watch(fetch(url));
      await clock.advance(100);
      expect(late.error).toMatchObject({ code: 'ERR_TIMEOUT' });
      const controller = new AbortController();
      const aborted = watch(fetch(url, { signal: controller.signal }));
      await settle();
      controller.abort();
      await settle();
      expect(aborted.state).toBe('rejected');
      expect(limits.get('http://a.test')?.stats).toMatchObject({ active: 0, samples: 4, overloads: 3 });
    }
  });

  it("with holdUntil 'body' a slot is held until the body has ended, and the latency includes the body", async () => {
    const { clock, limits, answers, fetch } = setUp(
      { holdUntil: 'body', initialLimit: 1 },
      { bodyTimeout: '1m', circuitBreaker: false },
    );
    const call = fetch(url);
    await settle();
    answers[0]?.resolve(new Response('answer'));
    const response = await call;
    const limit = limits.get('http://a.test');
    await expect(fetch(url)).rejects.toMatchObject({ code: 'ERR_BULKHEAD_FULL' });
    await clock.advance(300);
    expect(limit?.active).toBe(1);
    await response.text();
    expect(limit?.stats).toMatchObject({ active: 0, samples: 1 });
  });

  it('rejections are reported to the listener reject', async () => {
    const events: unknown[] = [];
    const { fetch } = setUp({ initialLimit: 1 }, { on: { reject: (event) => events.push(event) } });
    void watch(fetch(url));
    await watch(fetch(url)).done;
    expect(events).toEqual([{ key: 'http://a.test', by: 'bulkhead', event: { reason: 'full' } }]);
  });

  it('explain shows the limit, and a limit outside a retry is a likely mistake', () => {
    const { limits, fetch } = setUp({ algorithm: aimdLimit() });
    expect(fetch.breakwater.explain().warnings).toEqual([]);
    expect(limits.size).toBe(1);
    const codes = explain(pipeline(adaptiveLimit(), retry())).warnings.map(({ code }) => code);
    expect(codes).toContain('bulkhead-outside-retry');
  });

  it('invalid options are reported', async () => {
    const limit = () => adaptiveLimit();
    expect(() => resilientFetch({ limit: 5 as never })).toThrow(expect.objectContaining({ option: 'limit' }));
    expect(() => resilientFetch({ limit, bulkhead: { maxConcurrent: 5 } })).toThrow(
      expect.objectContaining({ option: 'bulkhead' }),
    );
    expect(() => resilientFetch({ limit, policy: retry() })).toThrow(expect.objectContaining({ option: 'limit' }));
    await expect(resilientFetch({ limit: () => ({}) as never })(url)).rejects.toMatchObject({ option: 'limit' });
    const untilBody = resilientFetch({ limit: () => adaptiveLimit({ holdUntil: 'body' }) });
    await expect(untilBody(url)).rejects.toMatchObject({ option: 'limit.holdUntil' });
    expect(() => resilientFetch({ limit, bulkhead: false })).not.toThrow();
  });
});
