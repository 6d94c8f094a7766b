import {
  ChaosError,
  circuitBreaker,
  definePolicy,
  explain,
  InvalidOptionError,
  isResilienceError,
  type Policy,
  pipeline,
  retry,
  TimeoutError,
  timeout,
} from 'breakwater';
import { chaosControl } from 'breakwater/chaos';
import { exponential } from 'breakwater/simulator';
import { seededRandom, TestClock } from 'breakwater/testing';
import { describe, expect, it, vi } from 'vitest';
import { watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';

const answer = async () => 'answer';

vi.spyOn(process, 'emitWarning').mockImplementation(() => {});

function active(seed = 1) {
  const clock = new TestClock();
  return { clock, control: chaosControl({ enabled: true, clock, random: seededRandom(seed), maxDuration: '1h' }) };
}

type Control = ReturnType<typeof active>['control'];

describe('The rate of an injection', () => {
  const makers: Record<string, (control: Control, rate: number) => unknown> = {
    fault: (control, rate) => control.fault({ rate }),
    latency: (control, rate) => control.latency({ rate, latency: 1 }),
    outcome: (control, rate) => control.outcome({ rate, value: 1 }),
    behavior: (control, rate) => control.behavior({ rate, run: () => {} }),
  };

  it.each(Object.entries(makers))('%s rejects a rate outside [0, 1]', (_, make) => {
    for (const rate of [-0.01, 1.01, Number.NaN, Infinity, '0.5', undefined, null]) {
      expect(() => make(active().control, rate as never), String(rate)).toThrow(InvalidOptionError);
      expect(() => make(active().control, rate as never), String(rate)).toThrow('"rate" must be a finite number');
    }
  });

  it('the share of affected calls is the rate', async () => {
    const { control } = active(7);
    const policy = control.outcome({ rate: 0.2, value: 'injected' });
    const values = await Promise.all(Array.from({ length: 2000 }, () => policy.execute(answer)));
    const share = values.filter((value) => value === 'injected').length / 2000;
    expect(share).toBeGreaterThan(0.17);
    expect(share).toBeLessThan(0.23);
    expect(control.stats).toMatchObject({ calls: 2000, injected: share * 2000 });
  });

  it('the same seed selects the same calls, and another seed selects others', async () => {
    const decisions = async (seed: number) => {
      const { control } = active(seed);
      const policy = pipeline(control.latency({ rate: 0.3, latency: 0 }), control.outcome({ rate: 0.3, value: 'x' }));
      const values: string[] = [];
      for (let i = 0; i < 100; i++) values.push(`${await policy.execute(answer)} ${control.stats.injected}`);
      return values;
    };
    expect(await decisions(1)).toEqual(await decisions(1));
    expect(await decisions(1)).not.toEqual(await decisions(2));
  });

  it('rates of 0 and 1 take no number from the random source', async () => {
    const control = chaosControl({ enabled: true, random: () => expect.unreachable() });
    await control.fault({ rate: 0 }).execute(answer);
    await control.outcome({ rate: 1, value: 1 }).execute(answer);
  });
});

describe('An injected fault', () => {
  it('rejects with a ChaosError, and the operation does not run', async () => {
    const { control } = active();
    const fault = control.fault({ rate: 1, name: 'faults' });
    const error = await fault.execute(() => expect.unreachable()).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ChaosError);
    expect(isResilienceError(error, 'ERR_CHAOS') && error.policy).toBe('faults');
  });

  it.each([
    ['a value', (error: Error) => error],
    ['a function', (error: Error) => () => error],
  ])('imitates an error that is given as %s', async (_, given) => {
    const original = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    const fault = active().control.fault({ rate: 1, error: given(original) });
    await expect(fault.execute(answer)).rejects.toMatchObject({ code: 'ERR_CHAOS', cause: original });
  });

  it('passes the context of the call to the function of the error', async () => {
    const fault = active().control.fault({ rate: 1, error: ({ key }: { key: string }) => new Error(key) });
    await expect(fault.execute(answer, { key: 'k' })).rejects.toMatchObject({ cause: new Error('k') });
  });

  it.each([
    ['a timeout', new TimeoutError({ policy: 'db', timeoutMs: 1 }), 3, 'open'],
    ['status 503', Object.assign(new Error('503'), { status: 503 }), 3, 'open'],
    ['status 429', Object.assign(new Error('429'), { status: 429 }), 3, 'closed'],
    ['status 404', Object.assign(new Error('404'), { status: 404 }), 1, 'closed'],
    ['an untrusted certificate', Object.assign(new Error('cert'), { code: 'CERT_HAS_EXPIRED' }), 1, 'closed'],
  ])('imitating %s is retried and counted like the original', async (_, error, attempts, state) => {
    const run = async (fails: () => Promise<unknown>, inner: Policy) => {
      const clock = inner.clock as TestClock;
      const breaker = circuitBreaker({ clock, consecutiveFailures: 3 });
      let retries = 0;
      const repeats = retry({ clock, maxAttempts: 3, backoff: () => 0 });
      repeats.on('retry', () => retries++);
      const call = watch(pipeline(repeats, breaker, inner).execute(fails));
      await clock.advance(100);
      expect(call.state).toBe('rejected');
      return { attempts: retries + 1, state: breaker.state, failures: breaker.stats.failures };
    };
    const { control } = active();
    const injected = await run(answer, control.fault({ rate: 1, error }));
    const real = await run(() => Promise.reject(error), timeout({ duration: Infinity, clock: new TestClock() }));
    expect(injected).toEqual(real);
    expect(injected).toMatchObject({ attempts, state });
  });

  it('of a function that throws is that error', async () => {
    const failure = new Error('of the function');
    const fault = active().control.fault({
      rate: 1,
      error: () => {
        throw failure;
      },
    });
    await expect(fault.execute(answer)).rejects.toBe(failure);
  });
});

describe('An injected latency', () => {
  it('delays the start of the operation', async () => {
    const { clock, control } = active();
    const startedAt: number[] = [];
    const call = watch(control.latency({ rate: 1, latency: '2s' }).execute(() => startedAt.push(clock.now())));
    await clock.advance(1999);
    expect(startedAt).toEqual([]);
    await clock.advance(1);
    expect(startedAt).toEqual([2000]);
    expect(call.state).toBe('fulfilled');
  });

  it('is drawn by a distribution of the simulator', async () => {
    const { clock, control } = active();
    const latency = control.latency({ rate: 1, latency: exponential('100ms') });
    const took: number[] = [];
    for (let i = 0; i < 500; i++) {
      const startedAt = clock.now();
      const call = watch(latency.execute(() => took.push(clock.now() - startedAt)));
      await clock.advance(2000);
      expect(call.state).toBe('fulfilled');
    }
    const mean = took.reduce((sum, ms) => sum + ms, 0) / took.length;
    expect(mean).toBeGreaterThan(85);
    expect(mean).toBeLessThan(115);
  });

  it('ends with the abort of the caller, and leaves no timer and no listener', async () => {
    const { clock, control } = active();
    const { controller, listeners } = countingController();
    const { signal } = controller;
    const call = watch(control.latency({ rate: 1, latency: '1h' }).execute(() => expect.unreachable(), { signal }));
    await clock.advance(10);
    expect(clock.pendingTimers).toBe(1);
    controller.abort(new Error('left'));
    await clock.advance(0);
    expect(call.error).toEqual(new Error('left'));
    expect(clock.pendingTimers).toBe(0);
    expect(listeners()).toBe(0);
    expect(control.stats.held).toBe(0);
  });

  it('ends with a timeout outside of it, which counts as a failure', async () => {
    const { clock, control } = active();
    const breaker = circuitBreaker({ clock });
    const policy = pipeline(breaker, timeout({ duration: '1s', clock }), control.latency({ rate: 1, latency: '2s' }));
    const call = watch(policy.execute(answer));
    await clock.advance(1000);
    expect(call.error).toBeInstanceOf(TimeoutError);
    expect(breaker.stats.failures).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it.each([-1, Number.NaN, Infinity, '5', null, undefined])('rejects %o as a latency', async (latency) => {
    const { control } = active();
    expect(() => control.latency({ rate: 1, latency: latency as never })).toThrow(InvalidOptionError);
    const drawn = control.latency({ rate: 1, latency: () => latency as never });
    await expect(drawn.execute(answer)).rejects.toThrow('"latency" must be milliseconds');
  });
});

describe('An injected outcome', () => {
  it('replaces the value of the operation, which does not run', async () => {
    const { control } = active();
    const op = () => expect.unreachable();
    expect(await control.outcome({ rate: 1, value: 'injected' }).execute(op)).toBe('injected');
    expect(await control.outcome({ rate: 1, value: undefined }).execute(op)).toBe(undefined);
    expect(await control.outcome({ rate: 1, value: ({ attempt }) => attempt }).execute(op)).toBe(1);
    expect(await control.outcome({ rate: 1, value: async () => 'later' }).execute(op)).toBe('later');
  });

  it('is judged like a value of the operation', async () => {
    const { clock, control } = active();
    const breaker = circuitBreaker({ clock, consecutiveFailures: 1 });
    await pipeline(breaker, control.outcome({ rate: 1, value: { statusCode: 503 } })).execute(answer);
    expect(breaker.state).toBe('open');
  });

  it('requires a value', () => {
    const { control } = active();
    expect(() => control.outcome({ rate: 1 } as never)).toThrow('"value" is required');
    expect(() => control.outcome(undefined as never)).toThrow(InvalidOptionError);
  });

  it('of a function that throws or does not end is an error, or ends with the abort', async () => {
    const { control } = active();
    const failure = new Error('of the function');
    const thrown = control.outcome({ rate: 1, value: () => Promise.reject(failure) });
    await expect(thrown.execute(answer)).rejects.toBe(failure);
    const controller = new AbortController();
    const endless = control.outcome({ rate: 1, value: () => new Promise<string>(() => {}) });
    const call = watch(endless.execute(answer, { signal: controller.signal }));
    controller.abort(failure);
    await call.done;
    expect(call.error).toBe(failure);
  });
});

describe('An injected behavior', () => {
  it('runs before the operation, with the context of the call', async () => {
    const { control } = active();
    const seen: unknown[] = [];
    const policy = control.behavior({ rate: 1, run: async ({ key }) => void seen.push(key) });
    await policy.execute(async () => seen.push('operation'), { key: 'k' });
    expect(seen).toEqual(['k', 'operation']);
  });

  it('that throws rejects with the very error, and the operation does not run', async () => {
    const { control } = active();
    class QueryError extends Error {}
    const failure = new QueryError('deadlock');
    const thrown = control.behavior({
      rate: 1,
      run: () => {
        throw failure;
      },
    });
    const rejected = control.behavior({ rate: 1, run: () => Promise.reject(failure) });
    for (const policy of [thrown, rejected]) {
      await expect(policy.execute(() => expect.unreachable())).rejects.toBe(failure);
    }
  });

  it('that does not end ends with the abort of the caller', async () => {
    const { control } = active();
    const controller = new AbortController();
    const policy = control.behavior({ rate: 1, run: () => new Promise(() => {}) });
    const call = watch(policy.execute(() => expect.unreachable(), { signal: controller.signal }));
    controller.abort(new Error('left'));
    await call.done;
    expect(call.error).toEqual(new Error('left'));
  });

  it('requires a function', () => {
    expect(() => active().control.behavior({ rate: 1, run: 'x' as never })).toThrow('"run" must be a function');
  });
});

describe('A policy of a control', () => {
  it('runs nothing for a call that was aborted before', async () => {
    const { control } = active();
    const signal = AbortSignal.abort(new Error('left'));
    await expect(control.outcome({ rate: 1, value: 1 }).execute(answer, { signal })).rejects.toThrow('left');
    expect(control.stats.injected).toBe(0);
  });

  it('runs nothing for a call that a policy outside of it has aborted', async () => {
    const { control } = active();
    const aborts = definePolicy({
      name: 'aborts',
      async run(next, context) {
        using child = context.derive({});
        child.abort(new Error('left'));
        return await next(child);
      },
    });
    for (const policy of [
      control.outcome({ rate: 1, value: 1 }),
      control.plan([{ kind: 'down', at: 0, for: '1s' }], { target: 'x' }),
    ]) {
      await expect(pipeline(aborts, policy).execute(answer)).rejects.toThrow('left');
    }
    expect(control.stats.injected).toBe(0);
  });

  it('rejects the call with the error of a random source or a clock that throws', async () => {
    const failure = new Error('of the source');
    const random = () => {
      throw failure;
    };
    const control = chaosControl({ enabled: true, random });
    await expect(control.fault({ rate: 0.5 }).execute(answer)).rejects.toBe(failure);
  });

  it('describes what it injects, and the state of its control', () => {
    const { control } = active();
    const common = { kind: 'chaos', name: 'chaos', injectsFaults: true, maxDurationMs: 3_600_000 };
    expect(control.fault({ rate: 0.1 }).describe()).toEqual({
      ...common,
      injects: 'fault',
      rate: 0.1,
      state: 'active',
    });
    control.stop();
    expect(control.latency({ rate: 0.2, latency: '1s', name: 'slow' }).describe()).toEqual({
      ...{ ...common, name: 'slow' },
      ...{ injects: 'latency', rate: 0.2, latencyMs: 1000, state: 'ended' },
    });
    const drawn = control.latency({ rate: 0.2, latency: () => 1 }).describe();
    expect(drawn.latencyMs).toBeUndefined();
  });

  it('rejects unknown options', () => {
    const { control } = active();
    expect(() => control.fault({ rates: 1 } as never)).toThrow('did you mean "rate"?');
    expect(() => control.fault({ rate: 1, name: '' })).toThrow('"name" must be a string that is not empty');
  });
});

describe('explain', () => {
  const codes = (...policies: [never, ...never[]]) =>
    explain(pipeline(...(policies as unknown as [ReturnType<typeof retry>]))).warnings.map(({ code }) => code);

  it('warns about an injection outside of another policy, which it does not test', () => {
    const { clock, control } = active();
    const fault = control.fault({ rate: 0.1, name: 'faults' });
    const attempt = timeout({ duration: '1s', clock });
    expect(codes(fault as never, retry({ clock }) as never, attempt as never)).toEqual(['faults-not-innermost']);
    expect(codes(retry({ clock }) as never, fault as never, attempt as never)).toEqual(['faults-not-innermost']);
    expect(explain(pipeline(fault, retry({ clock }), attempt)).warnings[0]?.message).toBe(
      '"faults" injects faults outside "retry", which never sees them: make it the innermost policy',
    );
  });

  it('does not warn about injections that are innermost, also beside each other and around a policy of the user', () => {
    const { clock, control } = active();
    const [fault, latency] = [control.fault({ rate: 0.1 }), control.latency({ rate: 1, latency: 1 })];
    const own = definePolicy({ name: 'log', run: (next, context) => next(context) });
    const attempt = timeout({ duration: '1s', clock });
    expect(codes(retry({ clock }) as never, attempt as never, fault as never, latency as never, own as never)).toEqual(
      [],
    );
  });
});
