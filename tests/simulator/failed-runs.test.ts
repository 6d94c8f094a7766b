/** Runs that cannot be simulated: each error names the scenario, the candidate and the seed. */
import { setTimeout as realSleep } from 'node:timers/promises';
import { circuitBreaker, timeout } from 'breakwater';
import {
  type CandidateKit,
  type CompareOptions,
  compare,
  constantRate,
  down,
  error,
  exponential,
  type FaultPlan,
  hang,
  type SimulateOptions,
  SimulationError,
  server,
  simulate,
  slow,
  stall,
} from 'breakwater/simulator';
import { describe, expect, it } from 'vitest';
import { catchUncaught } from '../support/uncaught.js';

const base = {
  name: 'base',
  world: { api: server({ workers: 1, service: exponential('5ms') }) },
  load: constantRate({ perSecond: 20 }),
  duration: '2s',
  candidate: ({ clock }: CandidateKit) => timeout({ duration: '1s', clock }),
  seed: 7,
} satisfies SimulateOptions;

/** The error of a run, which must be a SimulationError of the scenario and the seed. */
async function errorOf(options: Partial<SimulateOptions>): Promise<SimulationError> {
  const caught: unknown = await simulate({ ...base, ...options } as SimulateOptions).catch((reason) => reason);
  expect(caught).toBeInstanceOf(SimulationError);
  const failure = caught as SimulationError;
  expect(failure).toMatchObject({ name: 'SimulationError', scenario: 'base', seed: 7, candidate: undefined });
  expect(failure.message).toMatch(/^scenario "base", seed 7: /);
  return failure;
}

describe('A plan of faults that cannot be carried out', () => {
  it.each<[string, FaultPlan, string]>([
    ['an unknown target', [down('db', { at: 0 })], 'unknown target; there are api'],
    ['a fault that begins after the run', [down('api', { at: '2s' })], 'does not end within the duration of 2000 ms'],
    ['a fault that ends after the run', [down('api', { at: 0, for: '3s' })], 'does not end within the duration'],
    [
      'two overlapping faults of one kind',
      [slow('api', 2, { at: 0, for: '1s' }), slow('api', 3, { at: '500ms' })],
      '"faults[1]" must not overlap with "faults[0]" (slow)',
    ],
    ['an error while the server is down', [down('api', { at: 0 }), error('api', 1, { at: '1s' })], 'must not overlap'],
    ['a stall without an end', [{ kind: 'stall', at: 0 }], '"faults[0].for" is required for a stall'],
    ['a flush with an end', [{ kind: 'flush', at: 0, for: '1s' }], 'has no meaning'],
    ['a share of a slow server', [{ kind: 'slow', at: 0, share: 0.5 }], '"faults[0].share" has no meaning'],
    ['a factor of a hang', [{ kind: 'hang', at: 0, by: 2 }], '"faults[0].by" has no meaning'],
    ['a share above 1', [hang('api', 1.5, { at: 0 })], '"faults[0].share" must be a finite number'],
    ['a factor that is not a number', [slow('api', Number.NaN, { at: 0 })], '"faults[0].by"'],
    ['an unknown kind', [{ kind: 'fire', at: 0 } as never], '"faults[0].kind" must be one of'],
    ['an unknown field', [{ kind: 'down', at: 0, during: '1s' } as never], '"faults[0].during" is unknown'],
    ['no array', 'down' as never, '"faults" must be an array'],
  ])('%s is an error', async (_name, faults, message) => {
    expect((await errorOf({ faults })).message).toContain(message);
  });

  it('faults that follow each other, of other kinds, or of other targets are accepted', async () => {
    await simulate({
      ...base,
      world: { api: base.world.api, db: base.world.api },
      faults: [
        slow('api', 2, { at: 0, for: '1s' }),
        slow('api', 3, { at: '1s', for: '1s' }),
        slow('db', 2, { at: 0 }),
        error('api', 0.5, { at: 0 }),
        hang('api', 0.5, { at: 0 }),
        down('db', { at: '1s', for: '10ms' }),
        stall({ at: '1s', for: '10ms' }),
      ].filter(({ kind, target }) => !(kind === 'slow' && target === 'db')),
    });
  });
});

describe('A candidate that cannot be simulated', () => {
  const failing = (candidate: unknown) => errorOf({ candidate: candidate as SimulateOptions['candidate'] });

  it('a factory that throws', async () => {
    const failure = await failing(() => {
      throw new Error('no such option');
    });
    expect(failure.message).toContain('no such option');
    expect(failure.cause).toMatchObject({ message: 'no such option' });
  });

  it.each([[undefined], [5], [{}], [Promise.resolve(circuitBreaker())]])('a factory that returns %s', async (made) => {
    expect((await failing(() => made)).message).toContain('must return a policy or a function');
  });

  it('a policy on the system clock', async () => {
    expect((await failing(() => timeout('1s'))).message).toContain('uses another clock');
  });

  it('a call with a mistake of the program', async () => {
    const candidate = () => () => (undefined as unknown as { send(): void }).send();
    const failure = await failing(candidate);
    expect(failure.cause).toBeInstanceOf(TypeError);
  });

  it('a call that waits for a real timer, with and without simulated work after it', async () => {
    expect((await failing(() => () => realSleep(1))).message).toContain('waits for something that is not simulated');
    const withWork =
      ({ world }: CandidateKit<typeof base.world>) =>
      async () => {
        await realSleep(0);
        return world.api.send();
      };
    expect((await failing(withWork)).message).toMatch(/real time|not simulated/);
  });

  it('a call that waits for a promise that nothing settles', async () => {
    expect((await failing(() => () => new Promise(() => {}))).message).toContain('39 calls have not ended');
  });

  it('a rejection that is not handled', async () => {
    using caught = catchUncaught();
    const candidate =
      ({ world }: CandidateKit<typeof base.world>) =>
      (call: { readonly index: number }) => {
        if (call.index === 3) void Promise.reject(new Error('forgotten'));
        return world.api.send();
      };
    const failure = await failing(candidate);
    expect(failure.message).toContain('a rejection was not handled: forgotten');
    expect(caught.rejections).toHaveLength(1);
  });

  it('timers that set each other without a delay', async () => {
    const candidate = ({ clock }: CandidateKit) => {
      const again = (): void => void clock.setTimeout(again, 0);
      return () => again();
    };
    expect((await failing(candidate)).message).toContain('more than 100000 callbacks have run at');
  });

  it('the error of a comparison names the candidate', async () => {
    const { seed, candidate, ...scenario } = base;
    const caught = await compare({
      ...scenario,
      candidates: { good: candidate, broken: () => timeout('1s') },
      seeds: [seed],
    } as unknown as CompareOptions).catch((reason) => reason);
    expect(caught.message).toMatch(/^scenario "base", candidate "broken", seed 7: /);
    expect(caught).toMatchObject({ candidate: 'broken', seed: 7 });
  });
});

describe('Draws', () => {
  it.each([[-1], [Number.NaN], [Infinity], ['5']])('a service time of %s is an error', async (ms) => {
    const world = { api: server({ service: (() => ms) as () => number }) };
    expect((await errorOf({ world })).message).toContain('"api.service" must draw milliseconds ≥ 0');
  });

  it('a negative latency is an error', async () => {
    const world = { api: server({ service: 1, network: { latency: () => -1 } }) };
    expect((await errorOf({ world })).message).toContain('"api.network.latency" must draw');
  });
});

describe('Limits of a run', () => {
  it('a run ends as collapsed when a million requests wait in a server', async () => {
    const result = await simulate({
      ...base,
      world: { api: server({ workers: 1, service: '1h' }) },
      load: constantRate({ perSecond: 1000 }),
      candidate:
        ({ world }) =>
        () => {
          for (let count = 0; count < 1000; count++) void world.api.send();
        },
    });
    expect(result.collapsed).toBe(true);
    expect(result.attempts).toBe(1_001_000);
    expect(result.servers.api?.queued).toBe(1_000_999);
    expect(result.events[0]).toEqual({ at: 1001, what: 'collapse of api: a million requests are waiting' });
  });

  it('an abort ends a run at the next turn of the real event loop, with its reason', async () => {
    const controller = new AbortController();
    setImmediate(() => controller.abort('enough'));
    const started = performance.now();
    const long = { ...base, load: constantRate({ perSecond: 1000 }), duration: '1000d', interval: '1d' } as const;
    await expect(simulate({ ...long, signal: controller.signal })).rejects.toBe('enough');
    expect(performance.now() - started).toBeLessThan(5000);
    await expect(simulate({ ...base, signal: AbortSignal.abort('before') })).rejects.toBe('before');
  });
});

describe('Options', () => {
  it.each([
    [{ world: undefined }, '"world" must be an object of servers'],
    [{ world: {} }, '"world" must have a server'],
    [{ world: { api: {} } }, '"world.api" must be made by server()'],
    [{ load: [] }, '"load" must be a load'],
    [{ load: 300 }, '"load" must be a load'],
    [{ duration: 0 }, '"duration" must be'],
    [{ warmUp: '2s' }, '"warmUp" must be below "duration"'],
    [{ interval: '1ms', duration: '1d' }, '"interval" must be'],
    [{ clients: 0 }, '"clients" must be an integer'],
    [{ target: 'db' }, 'the target "db" is unknown; there are api'],
    [{ goodWithin: -1 }, '"goodWithin" must be'],
    [{ seed: 1.5 }, '"seed" must be an integer'],
    [{ seed: 2 ** 21 }, '"seed" must be an integer'],
    [{ candidate: undefined }, '"candidate" must be a function'],
    [{ signal: {} }, '"signal" must be an AbortSignal'],
    [{ name: '' }, '"name" must be a string'],
    [{ fault: [] }, '"fault" is unknown (did you mean "faults"?)'],
  ])('the options %o are rejected', async (options, message) => {
    await expect(simulate({ ...base, ...options } as unknown as SimulateOptions)).rejects.toThrow(message);
  });

  it('the options of a server are checked', () => {
    expect(() => server({} as never)).toThrow('server: "service"');
    expect(() => server({ service: 1, workers: 0 })).toThrow('server: "workers"');
    expect(() => server({ service: 1, queue: { limit: -1 } })).toThrow('server: "queue.limit"');
    expect(() => server({ service: 1, queue: { order: 'random' as 'fifo' } })).toThrow('server: "queue.order"');
    expect(() => server({ service: 1, collapse: { knee: 0 } })).toThrow('server: "collapse.knee"');
    expect(() => server({ service: 1, startCost: { requests: 1, by: 0.5 } })).toThrow('server: "startCost.by"');
    expect(() => server({ service: 1, network: { loss: 2 } })).toThrow('server: "network.loss"');
    expect(() => server({ service: 1, onAbandon: 'stops' as 'stop' })).toThrow('server: "onAbandon"');
  });
});
