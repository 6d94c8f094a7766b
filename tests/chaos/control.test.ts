import { InvalidOptionError, pipeline, retry, timeout } from 'breakwater';
import { type ChaosControlOptions, chaosControl, slow } from 'breakwater/chaos';
import { seededRandom, TestClock } from 'breakwater/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { watch } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';

const WARNED = Symbol.for('breakwater.chaos');
const emitWarning = vi.spyOn(process, 'emitWarning');

beforeEach(() => {
  Reflect.deleteProperty(globalThis, WARNED);
  emitWarning.mockReset();
  emitWarning.mockImplementation(() => {});
});
afterEach(() => {
  vi.unstubAllGlobals();
});

const answer = async () => 'answer';

function controlled(options: ChaosControlOptions) {
  const clock = new TestClock();
  const control = chaosControl({ clock, random: seededRandom(1), ...options });
  return { clock, control, fault: control.fault({ rate: 1 }) };
}

describe('A control', () => {
  it('injects nothing by default', async () => {
    const { clock, control } = controlled({});
    const policies = [
      control.fault({ rate: 1 }),
      control.latency({ rate: 1, latency: '1h' }),
      control.outcome({ rate: 1, value: 'injected' }),
      control.behavior({ rate: 1, run: () => expect.unreachable() }),
      control.plan([slow('api', 9, { at: 0, for: '1m' })], { target: 'api' }),
    ];
    for (const policy of policies) expect(await policy.execute(answer)).toBe('answer');
    expect(control.state).toBe('off');
    expect(control.stats).toEqual({ calls: 0, injected: 0, byKind: {}, held: 0 });
    expect(control.describe().remainingMs).toBe(0);
    expect(clock.pendingTimers).toBe(0);
    expect(emitWarning).not.toHaveBeenCalled();
  });

  it.each(['1', 1, 'true', null, {}, Promise.resolve(true)])('rejects %o as the value of enabled', (enabled) => {
    expect(() => chaosControl({ enabled: enabled as never })).toThrow(InvalidOptionError);
    expect(() => chaosControl({ enabled: enabled as never })).toThrow('"enabled" must be a boolean or a function');
  });

  it.each(['1', 1, {}, Promise.resolve(true), undefined])(
    'injects nothing if the function enabled returns %o',
    async (value) => {
      const { control, fault } = controlled({ enabled: (() => value) as never });
      expect(await fault.execute(answer)).toBe('answer');
      expect(control.state).toBe('waiting');
    },
  );

  it('asks the function enabled for each call', async () => {
    let isEnabled = false;
    const { fault } = controlled({ enabled: () => isEnabled });
    expect(await fault.attempt(answer)).toMatchObject({ ok: true });
    isEnabled = true;
    expect(await fault.attempt(answer)).toMatchObject({ ok: false });
    isEnabled = false;
    expect(await fault.attempt(answer)).toMatchObject({ ok: true });
  });

  it('injects nothing into a call for which the function enabled throws, and reports the error', async () => {
    const failure = new Error('the service of flags is down');
    const { control, fault } = controlled({
      enabled: () => {
        throw failure;
      },
    });
    const errors: unknown[] = [];
    control.on('error', ({ error }) => errors.push(error));
    expect(await fault.execute(answer)).toBe('answer');
    expect(errors).toEqual([failure]);
  });

  it.each([Infinity, 0, -1, Number.NaN, '10', null])('rejects %o as maxDuration', (maxDuration) => {
    expect(() => chaosControl({ maxDuration: maxDuration as never })).toThrow(InvalidOptionError);
  });

  it('lasts ten minutes by default, from its creation', async () => {
    const { clock, control, fault } = controlled({ enabled: true });
    expect(control.describe()).toEqual({
      kind: 'chaosControl',
      name: 'chaos',
      state: 'active',
      maxDurationMs: 600_000,
      remainingMs: 600_000,
    });
    await clock.advance(599_999);
    expect(await fault.attempt(answer)).toMatchObject({ ok: false });
    await clock.advance(1);
    expect(control.state).toBe('ended');
    expect(await fault.execute(answer)).toBe('answer');
  });

  it('with a function lasts from the first call for which the function returns true', async () => {
    let isEnabled = false;
    const { clock, control, fault } = controlled({ enabled: () => isEnabled, maxDuration: '1m' });
    await fault.execute(answer);
    await clock.advance(3_600_000);
    isEnabled = true;
    expect(control.state).toBe('waiting');
    expect(await fault.attempt(answer)).toMatchObject({ ok: false });
    expect(control.state).toBe('active');
    await clock.advance(60_000);
    expect(await fault.execute(answer)).toBe('answer');
    expect(control.state).toBe('ended');
  });

  it('stops for good', async () => {
    const { control, fault } = controlled({ enabled: true });
    const ends: unknown[] = [];
    control.on('end', (event) => ends.push(event));
    control.stop();
    control.stop();
    expect(ends).toEqual([{ reason: 'stopped' }]);
    expect(control.state).toBe('ended');
    expect(await fault.execute(answer)).toBe('answer');
    expect(control.stats.injected).toBe(0);
  });

  it('stops when it is disposed', async () => {
    const { control, fault } = controlled({ enabled: true });
    control[Symbol.dispose]();
    expect(await fault.execute(answer)).toBe('answer');
  });

  it('releases all held calls when it stops: their operations run', async () => {
    const { clock, control } = controlled({ enabled: true });
    const latency = control.latency({ rate: 1, latency: '5m' });
    const calls = [watch(latency.execute(answer)), watch(latency.execute(answer))];
    await clock.advance(1000);
    expect(control.stats.held).toBe(2);
    control.stop();
    await clock.advance(0);
    expect(calls).toMatchObject([{ value: 'answer' }, { value: 'answer' }]);
    expect(control.stats.held).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('releases all held calls when maxDuration has passed', async () => {
    const { clock, control } = controlled({ enabled: true, maxDuration: '10s' });
    const call = watch(control.latency({ rate: 1, latency: '1h' }).execute(answer));
    await clock.advance(9_999);
    expect(call.state).toBe('pending');
    await clock.advance(1);
    expect(call.value).toBe('answer');
  });

  it('warns once per process, at the first call, however many controls there are', async () => {
    const one = controlled({ enabled: true, name: 'experiment 7' });
    const other = controlled({ enabled: true });
    expect(emitWarning).not.toHaveBeenCalled();
    for (const { fault } of [one, other, one]) await fault.attempt(answer);
    expect(emitWarning).toHaveBeenCalledExactlyOnceWith(
      'breakwater: chaos ("experiment 7") is active in this process. It injects faults on purpose, for at most 600000 ms.',
      { type: 'ChaosWarning', code: 'BREAKWATER_CHAOS' },
    );
  });

  it('warns on the console where there is no process.emitWarning', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    vi.stubGlobal('process', undefined);
    await controlled({ enabled: true }).fault.attempt(answer);
    vi.unstubAllGlobals();
    expect(warn).toHaveBeenCalledOnce();
    warn.mockRestore();
  });

  it('warns once also where the global object is frozen', async () => {
    vi.resetModules();
    const copy = await import('breakwater/chaos');
    const frozen = vi.spyOn(Reflect, 'defineProperty').mockReturnValue(false);
    for (let i = 0; i < 2; i++) await copy.chaosControl({ enabled: true }).fault({ rate: 1 }).attempt(answer);
    frozen.mockRestore();
    expect(emitWarning).toHaveBeenCalledOnce();
  });

  it('emits its begin, its injections and its end', async () => {
    const { clock, control } = controlled({ enabled: true, maxDuration: '1m' });
    const seen: unknown[] = [];
    for (const type of ['begin', 'inject', 'end'] as const) control.on(type, (event) => seen.push({ type, ...event }));
    const latency = control.latency({ rate: 1, latency: 0, name: 'delays' });
    await latency.execute(answer);
    await control.plan([slow('api', 2, { at: 0, for: '1s' })], { target: 'api' }).execute(answer);
    await clock.advance(60_000);
    await latency.execute(answer);
    await latency.execute(answer);
    expect(seen).toEqual([
      { type: 'begin', maxDurationMs: 60_000 },
      { type: 'inject', policy: 'delays', kind: 'latency', target: undefined },
      { type: 'inject', policy: 'chaos', kind: 'slow', target: 'api' },
      { type: 'end', reason: 'max-duration' },
    ]);
    expect(control.stats).toEqual({ calls: 2, injected: 2, byKind: { latency: 1, slow: 1 }, held: 0 });
    expect(() => control.on('unknown' as never, () => {})).toThrow(InvalidOptionError);
  });

  it('emits its end once when it stops, and may be stopped by a listener of its begin', async () => {
    const { control, fault } = controlled({ enabled: true });
    const ends: unknown[] = [];
    control.on('end', (event) => ends.push(event));
    control.on('begin', () => control.stop());
    expect(await fault.execute(answer)).toBe('answer');
    expect(ends).toEqual([{ reason: 'stopped' }]);
  });

  it('reports the error of a listener as uncaught, and the call is not affected', async () => {
    const { control } = controlled({ enabled: true });
    const failure = new Error('of the listener');
    control.on('inject', () => {
      throw failure;
    });
    using uncaught = catchUncaught();
    expect(await control.outcome({ rate: 1, value: 'injected' }).execute(answer)).toBe('injected');
    await new Promise((resolve) => setImmediate(resolve));
    expect(uncaught.errors).toEqual([failure]);
  });

  it('has no timer at rest, and leaves none and no listener behind', async () => {
    const { clock, control } = controlled({ enabled: true });
    const policy = pipeline(
      retry({ clock, maxAttempts: 3, backoff: () => 0 }),
      timeout({ duration: '1s', clock }),
      control.latency({ rate: 0.5, latency: '2s' }),
      control.fault({ rate: 0.5 }),
    );
    const calls = Array.from({ length: 50 }, () => watch(policy.execute(answer)));
    await clock.advance(60_000);
    expect(calls.every(({ state }) => state !== 'pending')).toBe(true);
    expect(clock.pendingTimers).toBe(0);
    expect(control.stats.held).toBe(0);
  });

  it('rejects unknown options and wrong values of all others', () => {
    expect(() => chaosControl({ maxduration: 1 } as never)).toThrow('did you mean "maxDuration"?');
    expect(() => chaosControl({ random: 1 as never })).toThrow('"random" must be a function');
    expect(() => chaosControl({ clock: {} as never })).toThrow('"clock" must be an object');
    expect(() => chaosControl({ name: '' })).toThrow('"name" must be a string that is not empty');
  });
});
