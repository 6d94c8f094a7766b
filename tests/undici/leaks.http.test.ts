/** What a great number of requests through the interceptor leaves behind: nothing. */
import { getEventListeners, setMaxListeners } from 'node:events';
import { TestClock } from 'breakwater/testing';
import { resilient } from 'breakwater/undici';
import * as undici7 from 'undici';
import * as undici6 from 'undici-6';
import { describe, expect, it } from 'vitest';
import { type Reply, type TestRequest, testServer } from '../support/http-server.js';
import { runs } from '../support/runs.js';
import { type Undici, until } from './scenarios/scenario.js';

/** The requests of one test. */
const REQUESTS = runs(1_000);
const BATCH = 50;
const CONNECTIONS = 10;

/** Answers by the path, so that each kind of request meets its own kind of server. */
function answer({ path, index, response }: TestRequest): Reply | undefined {
  if (path === '/failing' && index % 2 === 0) return { status: 503, body: 'broken' };
  if (path === '/reset' && index % 2 === 0) response.destroy();
  if (path === '/hanging' || response.destroyed) return undefined;
  return { body: 'answer' };
}

type Options = Record<string, unknown>;

/** The kinds of requests: their paths, and the options of each one. */
const KINDS: readonly [path: string, options: (signal: AbortSignal) => Options][] = [
  ['/good', (signal) => ({ signal })],
  ['/failing', (signal) => ({ signal })],
  ['/failing', (signal) => ({ signal, method: 'PUT', body: 'text' })],
  ['/reset', (signal) => ({ signal })],
  ['/failing', (signal) => ({ signal, method: 'POST', body: 'text' })],
  ['/hanging', (signal) => ({ signal, breakwater: { timeout: 20 } })],
  ['/hanging', (signal) => ({ signal: AbortSignal.any([signal, AbortSignal.timeout(10)]) })],
  ['/good', (signal) => ({ signal: AbortSignal.any([signal, AbortSignal.abort()]) })],
];

describe.each([
  [6, undici6 as unknown as Undici],
  [7, undici7],
])('With undici %d, requests that succeed, fail, are repeated, time out or are aborted', (_major, undici) => {
  it('leave no timer, no listener, no slot and no connection behind', async () => {
    await using server = await testServer(answer);
    const clock = new TestClock();
    const guard = resilient({
      clock,
      retry: { backoff: () => 1 },
      circuitBreaker: false,
      bulkhead: { maxConcurrent: 20 },
      beforeRetry: async ({ attempt }) => ({ headers: { 'x-attempt': String(attempt) } }),
    });
    const agent = new undici.Agent({ connections: CONNECTIONS });
    const dispatcher = agent.compose(guard);
    const { signal } = new AbortController();
    setMaxListeners(0, signal); // undici adds a listener for each request in flight
    const outcomes = new Map<string, number>();
    const send = async (index: number) => {
      const [path, options] = KINDS[index % KINDS.length]!;
      const result = await undici.request(server.origin + path, { dispatcher, ...options(signal) }).then(
        async ({ statusCode, body }) => {
          await body.text();
          return String(statusCode);
        },
        (error: Error) => error.name,
      );
      outcomes.set(result, (outcomes.get(result) ?? 0) + 1);
    };
    for (let sent = 0; sent < REQUESTS; sent += BATCH) {
      let isDone = false;
      const batch = Promise.all(Array.from({ length: BATCH }, (_, at) => send(sent + at))).then(() => {
        isDone = true;
      });
      while (!isDone) await clock.advance(5);
      await batch;
    }
    // Each kind of end has occurred. A request may also have met three resets.
    expect([...outcomes.keys()]).toEqual(expect.arrayContaining(['200', '503', 'AbortError', 'TimeoutError']));
    const { keys, inFlight } = guard.breakwater.snapshot();
    expect(inFlight).toBe(0);
    expect(keys.map(({ bulkhead }) => bulkhead)).toEqual([{ active: 0, queued: 0 }]);
    await clock.advance(2_000); // the most that the discarded bodies may take
    expect(clock.pendingTimers).toBe(0);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    await until(() => server.sockets.open <= CONNECTIONS);
    await agent.close();
    await until(() => server.sockets.open === 0);
    await guard.breakwater.close();
  }, 120_000);
});
