/** What a great number of calls leaves behind: nothing. `npm run check:long` makes a million of them. */
import { getEventListeners } from 'node:events';
import { type ResilientFetchOptions, resilientFetch } from 'breakwater';
import { dedupe } from 'breakwater/dedupe';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { collectGarbage } from '../support/garbage.js';
import { settle } from '../support/promises.js';
import { runs } from '../support/runs.js';

/** The calls of all tests together. */
const CALLS = runs(50_000);
const BATCH = 100;

/** Sizes of the heap before and after may differ by this much: tables that grow once, and code that is compiled. */
const MAX_GROWTH_BYTES = 4 * 2 ** 20;

const url = 'http://a.test/';

type Answer = (index: number) => Response | Error;

const ok: Answer = () => new Response('answer', { headers: { etag: '"1"' } });
const failing: Answer = (index) => (index % 5 === 0 ? new Response('broken', { status: 503 }) : ok(index));
const refusing: Answer = (index) => (index % 7 === 0 ? new Error('refused') : ok(index));

async function heapBytes(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    collectGarbage();
    await settle();
  }
  return process.memoryUsage().heapUsed;
}

it.each<[string, Answer, ResilientFetchOptions, (signal: AbortSignal, index: number) => object]>([
  ['with a signal that outlives them', ok, {}, (signal) => ({ signal })],
  [
    'with options of their own, and timeouts that differ',
    ok,
    { bodyTimeout: '1m' },
    (signal, index) => ({ signal, breakwater: { timeout: 1_000 + index, priority: index % 3 } }),
  ],
  [
    'that are repeated after beforeRetry',
    failing,
    { beforeRetry: async ({ attempt }) => ({ headers: { 'x-attempt': String(attempt) } }) },
    (signal) => ({ signal }),
  ],
  ['that fail', refusing, {}, (signal) => ({ signal })],
  ['whose bodies could be resumed', ok, { resume: true, bodyIdleTimeout: '1m' }, (signal) => ({ signal })],
  ['that share requests', ok, { dedupe: dedupe() }, (signal) => ({ signal })],
  [
    'that are aborted',
    ok,
    {},
    (signal, index) => ({ signal: index % 2 === 0 ? AbortSignal.any([signal, AbortSignal.abort()]) : signal }),
  ],
])(
  'Calls %s leave no listener, no timer and no memory behind, with unread bodies',
  async (_name, answer, options, init) => {
    const clock = new TestClock();
    const { signal } = new AbortController();
    let index = 0;
    const fetch = resilientFetch({
      ...options,
      clock,
      random: () => 0,
      retry: { maxAttempts: 3, backoff: () => 0 },
      circuitBreaker: { failureRateThreshold: 1 },
      fetch: async (_input: string | URL | Request, _init?: RequestInit) => {
        await null;
        const result = answer(index++);
        if (result instanceof Error) throw result;
        return result;
      },
    } as ResilientFetchOptions);
    const callMany = async (count: number) => {
      for (let call = 0; call < count; call += BATCH) {
        const calls = Array.from({ length: BATCH }, (_, at) => fetch(url, init(signal, call + at)));
        const outcomes = await Promise.allSettled(calls);
        expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true);
        await clock.advance(10);
      }
    };
    await callMany(CALLS / 70);
    const before = await heapBytes();
    await callMany(CALLS / 7);
    await clock.advance(700_000);
    expect((await heapBytes()) - before).toBeLessThan(MAX_GROWTH_BYTES);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
    expect(fetch.breakwater.snapshot()).toMatchObject({ inFlight: 0, keys: [] });
  },
);
