import { InvalidOptionError } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { settle } from '../support/promises.js';
import { setUp } from './setup.js';

/** A breaker that has just closed after one successful probe. */
async function recovered(options: Parameters<typeof setUp>[0] = {}) {
  const kit = setUp({ halfOpen: { probes: 2, ramp: '10s' }, initialState: 'half-open', ...options });
  for (let probe = 0; probe < 2; probe++) await kit.breaker.execute(() => probe);
  expect(kit.breaker.state).toBe('closed');
  return kit;
}

const rejected = { code: 'ERR_CIRCUIT_OPEN', retryAfterMs: 0 };

describe('A breaker with a ramp that has just closed', () => {
  it('admits as many calls at a time as there were probes, and one more after each success', async () => {
    const { breaker, start } = await recovered();
    const [first, second] = [start(), start()];
    await expect(breaker.execute(() => 1)).rejects.toMatchObject(rejected);
    first.resolve('well');
    second.resolve('well');
    await settle();
    const calls = Array.from({ length: 5 }, start);
    await settle();
    expect(calls.map(({ result }) => result.error !== undefined)).toEqual([false, false, false, false, true]);
  });

  it('does not raise the limit after a failure, an ignored call or a slow one', async () => {
    const { breaker, fail, clock, start } = await recovered({
      ...{ slowCallDuration: 100, minimumCalls: 50 },
      classify: ({ ok, ...outcome }) =>
        ok ? 'success' : 'error' in outcome && outcome.error === 0 ? 'ignore' : 'failure',
    });
    await fail();
    await breaker.execute(() => Promise.reject(0)).catch(() => {});
    const slow = start();
    await clock.advance(200);
    slow.resolve('late');
    await settle();
    for (let i = 0; i < 2; i++) start();
    await expect(breaker.execute(() => 1)).rejects.toMatchObject(rejected);
  });

  it('admits every call when the time of the ramp has passed, without a transition, and counts running calls', async () => {
    const { breaker, changes, clock, start } = await recovered({ window: { calls: 4 }, minimumCalls: 4 });
    const running = [start(), start()];
    await clock.advance(10_000);
    const calls = Array.from({ length: 3 }, start);
    await settle();
    expect(calls.every(({ result }) => result.error === undefined)).toBe(true);
    expect(changes).toEqual(['half-open → closed: probes-succeeded']);
    for (const call of [...running, ...calls.slice(0, 2)]) call.reject(new Error('down'));
    await settle();
    expect(breaker.state).toBe('open');
  });

  it('opens again by its usual rules, and keeps the failures in a row at the end of the ramp', async () => {
    const early = await recovered({ consecutiveFailures: 3 });
    await early.fail(3);
    expect(early.breaker.state).toBe('open');
    const late = await recovered({ consecutiveFailures: 3 });
    await late.fail(2);
    await late.clock.advance(10_000);
    expect(late.breaker.state).toBe('closed');
    await late.fail(1);
    expect(late.breaker.state).toBe('open');
  });

  it('gives the place of a call back when the call is aborted or hangs no longer', async () => {
    const { breaker, start } = await recovered();
    start();
    const controller = new AbortController();
    const hung = breaker.execute(() => new Promise(() => {}), { signal: controller.signal });
    hung.catch(() => {});
    await expect(breaker.execute(() => 1)).rejects.toMatchObject(rejected);
    controller.abort();
    await settle();
    expect(await breaker.execute(() => 'admitted')).toBe('admitted');
  });

  it('limits permits too, and rejects nothing in the mode observe', async () => {
    const { breaker } = await recovered();
    const permits = [breaker.tryAcquire(), breaker.tryAcquire()];
    expect(breaker.tryAcquire()).toBe(undefined);
    permits[0]?.release({ ok: true, value: 1 });
    permits[0]?.release({ ok: true, value: 1 });
    expect([breaker.tryAcquire(), breaker.tryAcquire()].map((permit) => permit !== undefined)).toEqual([true, true]);
    expect(breaker.tryAcquire()).toBe(undefined);
    const observing = await recovered({ mode: 'observe' });
    const rejections: string[] = [];
    observing.breaker.on('reject', ({ state }) => rejections.push(state));
    const calls = Array.from({ length: 3 }, observing.start);
    await settle();
    expect(calls.every(({ result }) => result.error === undefined)).toBe(true);
    expect(rejections).toEqual(['closed']);
  });

  it('continues with its remaining time after an isolation, and is over after a reset', async () => {
    const { breaker, clock, start } = await recovered();
    await clock.advance(4000);
    const isolation = breaker.isolate();
    await clock.advance(60_000);
    isolation[Symbol.dispose]();
    await clock.advance(5999);
    for (let i = 0; i < 2; i++) start();
    await expect(breaker.execute(() => 1)).rejects.toMatchObject(rejected);
    await clock.advance(1);
    expect(await breaker.execute(() => 'admitted')).toBe('admitted');
    const other = await recovered();
    other.breaker.reset();
    const calls = Array.from({ length: 5 }, other.start);
    await settle();
    expect(calls.every(({ result }) => result.error === undefined)).toBe(true);
  });
});

it.each([-1, Number.NaN, Infinity, 'soon', null])('a ramp of %s is an invalid option', (ramp) => {
  expect(() => setUp({ halfOpen: { ramp: ramp as never } })).toThrow(InvalidOptionError);
  expect(() => setUp({ halfOpen: { ramp: ramp as never } })).toThrow('"halfOpen.ramp"');
});
