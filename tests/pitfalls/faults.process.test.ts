/** Faults F29, F30, F45 and F46 of the reliability research, which take real time, servers and processes. */
import { once } from 'node:events';
import { get } from 'node:http';
import {
  bulkhead,
  circuitBreaker,
  isResilienceError,
  pipeline,
  resilientFetch,
  retry,
  sleep,
  timeout,
} from 'breakwater';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Child, runChild, startChild } from '../support/child.js';
import { watch } from '../support/promises.js';

/** Nothing else happens meanwhile, as in a long garbage collection or an endless loop. */
function stall(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

describe('F29: our own event loop stalls', () => {
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

  /** One warm connection for each call, so that only the answers are to come. */
  const warmUp = () => Promise.all(Array.from({ length: 20 }, async () => (await fetch(`${origin}/100`)).text()));

  it.each([
    ['a timer', (stalled: () => void) => setTimeout(stalled, 50)],
    [
      'the handler of an event',
      (stalled: () => void) => get(`${origin}/50`, (response) => response.once('data', stalled)),
    ],
  ])(
    'F29: in %s: answers that have long arrived are answers, and the breaker counts no failure',
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

  it('F29: only calls without an answer time out, after the time that was missed, and the breaker counts none', async () => {
    const breaker = circuitBreaker({ window: { calls: 100 }, minimumCalls: 100 });
    const guarded = resilientFetch({ policy: pipeline(breaker, timeout(400)) });
    await warmUp();
    const calls = Array.from({ length: 20 }, (_, n) => watch(guarded(`${origin}/${n % 2 === 0 ? 150 : 5000}`)));
    await sleep(50);
    stall(1000);
    const stalledUntil = performance.now();
    await Promise.all(calls.map(({ done }) => done));
    expect(performance.now() - stalledUntil).toBeLessThan(800); // 400 ms are given back
    const states = calls.map(({ state, error }) => (isResilienceError(error, 'ERR_TIMEOUT') ? 'late' : state));
    expect(states).toEqual(Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? 'fulfilled' : 'late')));
    expect(breaker.stats).toMatchObject({ calls: 10, failures: 0 });
    for (const { value } of calls) await value?.text();
  });

  it('F29: again and again under load: no breaker opens, and resilient calls succeed no less than plain ones', async () => {
    const { code, lines, errors } = await runChild('blocked', { args: [origin] });
    expect([code, errors]).toEqual([0, '']);
    const { successes, transitions } = JSON.parse(lines[0] ?? '');
    expect(transitions).toEqual([]);
    expect(successes.resilient).toBeGreaterThanOrEqual(successes.plain);
  });
});

it('F30: a pause of 500 ms in the middle of 1,000 calls a second: the bound holds, and nobody waits longer than that', async () => {
  const slots = bulkhead({ maxConcurrent: 20, maxQueue: Infinity });
  const policy = pipeline(retry(), slots, timeout('10s'));
  const waits: number[] = [];
  let [running, most] = [0, 0];
  const call = async () => {
    const arrivedAt = performance.now();
    await policy.execute(async () => {
      waits.push(performance.now() - arrivedAt);
      most = Math.max(most, ++running);
      await sleep(5);
      running--;
    });
  };
  const calls: Promise<void>[] = [];
  const startedAt = performance.now();
  let paused = false;
  while (performance.now() - startedAt < 1200) {
    const due = Math.min(1000, performance.now() - startedAt);
    while (calls.length < due) calls.push(call());
    if (!paused && due > 300) {
      paused = true;
      stall(500);
    }
    await sleep(1);
  }
  await Promise.all(calls);
  expect(calls).toHaveLength(1000);
  expect(most).toBeLessThanOrEqual(20);
  expect(waits.sort((a, b) => a - b)[990]).toBeLessThan(500 + 500);
  expect([slots.active, slots.queued]).toEqual([0, 0]);
});

describe('F45: SIGTERM with 100 calls pending', () => {
  async function terminate(drainMs: number) {
    const { process, ended } = startChild('sigterm', { args: [drainMs] });
    await once(process.stdout as NodeJS.ReadableStream, 'data');
    process.kill('SIGTERM');
    const { code, signal, lines, errors } = await ended;
    expect([code, signal, errors]).toEqual([0, null, '']);
    return JSON.parse(lines.at(-1) ?? '') as {
      drained: boolean;
      outcomes: Record<string, number>;
      tookMs: number;
      active: number;
    };
  }

  it('F45: with time enough all that was accepted is finished, and what comes later is refused', async () => {
    const { drained, outcomes, active } = await terminate(20_000);
    expect([drained, outcomes, active]).toEqual([true, { finished: 100, refused: 1 }, 0]);
  });

  it('F45: when the time is up those who wait are refused, those who run finish, and the process exits', async () => {
    const { drained, outcomes, tookMs, active } = await terminate(150);
    expect([drained, active]).toEqual([false, 0]);
    expect((outcomes.finished ?? 0) + (outcomes.refused ?? 0)).toBe(101);
    expect(outcomes.refused).toBeGreaterThan(50);
    expect(outcomes.finished).toBeGreaterThanOrEqual(10);
    expect(tookMs).toBeLessThan(150 + 60 + 1000);
  });
});

it('F46: with nothing left but timers of ours that nobody waits for, the process exits', async () => {
  const { code, lines, errors } = await runChild('idle');
  expect([code, errors]).toEqual([0, '']);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ resources: [] });
});
