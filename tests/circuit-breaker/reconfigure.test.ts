import { circuitBreaker, keyed } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { settle } from '../support/promises.js';
import { setUp } from './setup.js';

describe('The reconfiguration of a circuit breaker', () => {
  it('changes a threshold and keeps the counts', async () => {
    const { breaker, fail } = setUp({ minimumCalls: 10, failureRateThreshold: 0.9 });
    for (let call = 0; call < 5; call++) await breaker.execute(() => call);
    await fail(6);
    expect(breaker.state).toBe('closed');
    breaker.reconfigure({ failureRateThreshold: 0.5 });
    expect(breaker.stats).toMatchObject({ calls: 11, failures: 6 });
    await fail();
    expect(breaker.state).toBe('open');
  });

  it('keeps an open breaker open until its time, and uses the new time for the next opening', async () => {
    const { breaker, clock, fail } = setUp({ consecutiveFailures: 1, openFor: 1000 });
    await fail();
    breaker.reconfigure({ openFor: 9000 });
    expect(breaker.stats.retryAfterMs).toBe(1000);
    await clock.advance(1000);
    await fail();
    expect(breaker.stats.retryAfterMs).toBe(9000);
  });

  it('keeps the options that are not given, those of a nested object too', async () => {
    const { breaker, start } = setUp({ halfOpen: { probes: 2, maxFailures: 5 }, initialState: 'half-open' });
    breaker.reconfigure({ halfOpen: { maxFailures: 0 } });
    const probes = [start(), start(), start()];
    await settle();
    expect(probes.map(({ result }) => result.error !== undefined)).toEqual([false, false, true]);
    probes[0]?.reject(new Error('down'));
    await settle();
    expect(breaker.state).toBe('open');
  });

  it('starts a window of another size without calls, and keeps one of the same size', async () => {
    const { breaker, fail } = setUp({ window: { calls: 50 } });
    await fail(5);
    breaker.reconfigure({ window: { calls: 50 } });
    expect(breaker.stats.calls).toBe(5);
    breaker.reconfigure({ window: { calls: 4 } }); // and at most four calls are needed for a rate
    expect(breaker.stats.calls).toBe(0);
    await fail(4);
    expect(breaker.state).toBe('open');
  });

  it('turns the rules for slow calls and for failures in a row on and off', async () => {
    const { breaker, clock, fail, start } = setUp({ consecutiveFailures: 2 });
    breaker.reconfigure({ consecutiveFailures: Infinity, slowCallDuration: 100, minimumCalls: 3 });
    const slow = start();
    await clock.advance(100);
    slow.resolve('late');
    await settle();
    expect(breaker.stats.slow).toBe(1);
    breaker.reconfigure({ slowCallDuration: Infinity, minimumCalls: 20 });
    await fail(5);
    expect(breaker.state).toBe('closed');
  });

  it('counts the result of a call that was running', async () => {
    const { breaker, start } = setUp({ consecutiveFailures: 5 });
    const call = start();
    breaker.reconfigure({ consecutiveFailures: 1 });
    call.reject(new Error('down'));
    await settle();
    expect(breaker.state).toBe('open');
  });

  it.each([
    [{ failureRateThreshold: 2 }, 'failureRateThreshold'],
    [{ halfOpen: { probes: 0 } }, 'halfOpen.probes'],
    [{ window: { calls: 5 }, minimumCalls: 6 }, 'minimumCalls'],
    [{ initialState: 'open' }, 'initialState'],
    [{ clock: {} }, 'clock'],
    [{ tresholds: 1 }, 'tresholds'],
    [null, 'options'],
  ])('rejects %j and changes nothing', async (options, option) => {
    const { breaker, fail } = setUp({ consecutiveFailures: 2 });
    expect(() => breaker.reconfigure(options as never)).toThrow(expect.objectContaining({ option }));
    await fail(2);
    expect(breaker.state).toBe('open');
  });

  it('of one member of a family leaves the other members as they are', async () => {
    const family = keyed(() => circuitBreaker({ consecutiveFailures: 3 }));
    const [one, other] = [family.for('a'), family.for('b')];
    one.reconfigure({ consecutiveFailures: 1 });
    for (const breaker of [one, other]) await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => {});
    expect([one.state, other.state, family.for('c').state]).toEqual(['open', 'closed', 'closed']);
  });
});
