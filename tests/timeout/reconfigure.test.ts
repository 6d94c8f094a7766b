import { InvalidOptionError, pipeline, retry, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { watch } from '../support/promises.js';

const never = () => new Promise<never>(() => {});

describe('The reconfiguration of a timeout', () => {
  it('changes the duration of calls that begin later, and leaves running calls theirs', async () => {
    const clock = new TestClock();
    const policy = timeout({ duration: 100, clock });
    const events: number[] = [];
    policy.on('timeout', ({ timeoutMs }) => events.push(timeoutMs));
    const running = watch(policy.execute(never));
    policy.reconfigure('20ms');
    const later = watch(policy.execute(never));
    await clock.advance(20);
    expect([running.error, later.error]).toEqual([undefined, expect.objectContaining({ timeoutMs: 20 })]);
    await clock.advance(80);
    expect(running.error).toMatchObject({ timeoutMs: 100 });
    expect(events).toEqual([20, 100]);
    expect(policy.describe()).toMatchObject({ timeoutMs: 20 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('turns a timeout on and off, in a pipeline too', async () => {
    const clock = new TestClock();
    const inner = timeout({ duration: Infinity, clock });
    const policy = pipeline(retry({ clock, maxAttempts: 1 }), inner);
    const unlimited = watch(policy.execute(never));
    inner.reconfigure({ duration: 50 });
    const limited = watch(policy.execute(never));
    await clock.advance(50);
    inner.reconfigure(Infinity);
    const again = watch(policy.execute(never));
    await clock.advance(100_000);
    expect([unlimited, limited, again].map(({ error }) => error !== undefined)).toEqual([false, true, false]);
  });

  it.each([0, -1, Number.NaN, '5', null, {}, { duration: 5, clock: new TestClock() }])(
    'rejects invalid options and changes nothing (%#)',
    async (options) => {
      const clock = new TestClock();
      const policy = timeout({ duration: 100, clock });
      expect(() => policy.reconfigure(options as never)).toThrow(InvalidOptionError);
      const call = watch(policy.execute(never));
      await clock.advance(100);
      expect(call.error).toMatchObject({ timeoutMs: 100 });
    },
  );
});
