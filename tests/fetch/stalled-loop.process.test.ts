import { once } from 'node:events';
import { get } from 'node:http';
import { circuitBreaker, isResilienceError, pipeline, resilientFetch, sleep, timeout } from 'breakwater';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Child, runChild, startChild } from '../support/child.js';
import { watch } from '../support/promises.js';

/** Blocks the event loop, as a long garbage collection or an endless loop does. */
function stall(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

describe('A stalled event loop', () => {
  let server: Child;
  let origin = '';
  beforeAll(async () => {
    server = startChild('server');
    const [port] = (await once(server.process.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    origin = `http://127.0.0.1:${port.toString().trim()}`;
  });
  afterAll(async () => {
    server.process.stdin?.end();
    await server.ended;
  });

  /** Opens one connection per call, so that only the responses are left to arrive. */
  const warmUp = () => Promise.all(Array.from({ length: 20 }, async () => (await fetch(`${origin}/100`)).text()));

  it.each([
    ['a timer', (stalled: () => void) => setTimeout(stalled, 50)],
    [
      'the handler of an event',
      (stalled: () => void) => get(`${origin}/50`, (response) => response.once('data', stalled)),
    ],
  ])(
    'a stall in %s fails no call whose response has arrived, and the breaker counts no failure',
    async (_where, soon) => {
      const reasons: string[] = [];
      const breaker = circuitBreaker({ consecutiveFailures: 1 });
      breaker.on('open', ({ reason }) => reasons.push(reason));
      const policy = pipeline(breaker, timeout(400));
      const guarded = resilientFetch({ policy });
      await warmUp();
      const calls = Array.from({ length: 20 }, () => watch(guarded(`${origin}/150`)));
      await new Promise<void>((resolve) => {
        soon(() => {
          stall(1000);
          resolve();
        });
      });
      await Promise.all(calls.map(({ done }) => done));
      expect(calls.map(({ state, error }) => (state === 'fulfilled' ? state : error))).toEqual(
        Array(20).fill('fulfilled'),
      );
      expect([breaker.state, reasons]).toEqual(['closed', []]);
      for (const { value } of calls) await value?.text();
    },
  );

  it('only calls without a response time out after a stall, and the breaker counts none of them', async () => {
    const breaker = circuitBreaker({ window: { calls: 100 }, minimumCalls: 100 });
    const guarded = resilientFetch({ policy: pipeline(breaker, timeout(400)) });
    await warmUp();
    const calls = Array.from({ length: 20 }, (_, n) => watch(guarded(`${origin}/${n % 2 === 0 ? 150 : 5000}`)));
    await sleep(50);
    stall(1000);
    const stalledUntil = performance.now();
    await Promise.all(calls.map(({ done }) => done));
    expect(performance.now() - stalledUntil).toBeLessThan(800); // 400 ms are returned after the stall
    const states = calls.map(({ state, error }) => (isResilienceError(error, 'ERR_TIMEOUT') ? 'late' : state));
    expect(states).toEqual(Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? 'fulfilled' : 'late')));
    expect(breaker.stats).toMatchObject({ calls: 10, failures: 0 });
    for (const { value } of calls) await value?.text();
  });

  it('repeated stalls under load open no breaker, and resilient calls succeed as often as plain ones without a timeout', async () => {
    const { code, lines, errors } = await runChild('blocked', { args: [origin] });
    expect([code, errors]).toEqual([0, '']);
    const { successes, transitions } = JSON.parse(lines[0] ?? '');
    expect(transitions).toEqual([]);
    // A few of 300 attempts may really take 400 ms, three times in a row, where other processes delay the server.
    expect(successes.resilient).toBeGreaterThanOrEqual(successes.plain - 15);
  });
});
