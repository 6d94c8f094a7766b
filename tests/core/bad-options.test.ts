import {
  bulkhead,
  circuitBreaker,
  constantBackoff,
  decorrelatedJitterBackoff,
  definePolicy,
  exponentialBackoff,
  fallback,
  InvalidOptionError,
  isResilienceError,
  KeyedRateLimiter,
  keyed,
  linearBackoff,
  loadingCache,
  pipeline,
  ResilienceError,
  RetryBudget,
  resilientFetch,
  retry,
  sleep,
  TokenBucket,
  timeout,
} from 'breakwater';
import { seededRandom, TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';

type Make = (value: never) => unknown;

/** Values that are invalid for every option. */
const NOTHING_USEFUL: readonly unknown[] = [null, true, {}, 'abc', 10n, Symbol('s'), [], () => 1];
const NOT_POSITIVE_INTEGERS = [
  ...NOTHING_USEFUL,
  Number.NaN,
  0,
  -0,
  -1,
  1.5,
  '2',
  Number.MIN_VALUE,
  -Infinity,
  2 ** 53,
];
const NOT_DURATIONS = [
  ...[...NOTHING_USEFUL.filter((value) => typeof value !== 'function'), Number.NaN, -1, '50', '5x', '1e3s', '5 s', ''],
  ...['-1s', '+1s', '.5s', '1.s', 'Infinitys', ' 5s', '5s ', '٥s', new Date(), -Infinity, `${'9'.repeat(400)}s`],
];
const NOT_POSITIVE_DURATIONS = [...NOT_DURATIONS, 0, -0, '0ms', '0s'];
const NOT_RATES = [...NOTHING_USEFUL, Number.NaN, 0, -0.1, 1.01, 50, Infinity, '0.5'];
const NOT_FUNCTIONS = [null, true, {}, 'abc', 1];
const NOT_NAMES = [null, true, {}, '', 1];

const table: Record<string, { make: Make; bad: readonly unknown[]; good: readonly unknown[] }> = {
  'retry: "maxAttempts"': {
    make: (maxAttempts) => retry({ maxAttempts }),
    bad: NOT_POSITIVE_INTEGERS,
    good: [undefined, 1, 2, 1e6, Infinity],
  },
  'retry: "backoff"': { make: (backoff) => retry({ backoff }), bad: NOT_FUNCTIONS, good: [undefined, () => 1] },
  'retry: "maxElapsed"': {
    make: (maxElapsed) => retry({ maxElapsed }),
    bad: NOT_POSITIVE_DURATIONS,
    good: [undefined, 1, '5s', '1.5m', Infinity, 2 ** 31, '30d'],
  },
  'retry: "maxRetryAfter"': {
    make: (maxRetryAfter) => retry({ maxRetryAfter }),
    bad: NOT_POSITIVE_DURATIONS,
    good: [undefined, '1h', Infinity],
  },
  'retry: "budget"': {
    make: (budget) => retry({ budget }),
    bad: [...NOT_FUNCTIONS, 0.2],
    good: [undefined, new RetryBudget()],
  },
  'retry: "classify"': {
    make: (classify) => retry({ classify }),
    bad: NOT_FUNCTIONS,
    good: [undefined, () => 'success'],
  },
  'retry: "name"': { make: (name) => retry({ name }), bad: NOT_NAMES, good: [undefined, 'users'] },
  'retry: "clock"': {
    make: (clock) => retry({ clock }),
    bad: [null, true, {}, Date, { now: () => 1 }],
    good: [undefined, new TestClock()],
  },
  'retry: "random"': { make: (random) => retry({ random }), bad: NOT_FUNCTIONS, good: [undefined, Math.random] },
  'RetryBudget: "ratio"': {
    make: (ratio) => new RetryBudget({ ratio }),
    bad: NOT_RATES.filter((rate) => rate !== 0),
    good: [undefined, 0, 0.5, 1],
  },
  'RetryBudget: "minPerSecond"': {
    make: (minPerSecond) => new RetryBudget({ minPerSecond }),
    bad: [...NOTHING_USEFUL, Number.NaN, -1, Infinity, '1'],
    good: [undefined, 0, 0.5, 100],
  },
  'RetryBudget: "window"': {
    make: (window) => new RetryBudget({ window }),
    bad: [...NOT_POSITIVE_DURATIONS, Infinity, Number.MIN_VALUE, 1e-300, 0.9],
    good: [undefined, '1s', 1],
  },
  'constantBackoff: "delay"': {
    make: constantBackoff,
    bad: [...NOT_POSITIVE_DURATIONS, Infinity, undefined],
    good: [1, '1s'],
  },
  'linearBackoff: "initial"': {
    make: (initial) => linearBackoff({ initial, max: '1h' }),
    bad: [...NOT_POSITIVE_DURATIONS, Infinity, undefined],
    good: [1, '1s'],
  },
  'linearBackoff: "max"': {
    make: (max) => linearBackoff({ initial: 10, max }),
    bad: [...NOT_POSITIVE_DURATIONS, Infinity, undefined, 9],
    good: [10, '1s'],
  },
  'exponentialBackoff: "initial"': {
    make: (initial) => exponentialBackoff({ initial }),
    bad: [...NOT_POSITIVE_DURATIONS, Infinity],
    good: [undefined, 1, '1s'],
  },
  'exponentialBackoff: "max"': {
    make: (max) => exponentialBackoff({ initial: 100, max }),
    bad: [...NOT_POSITIVE_DURATIONS, Infinity, 99],
    good: [undefined, 100, '1h'],
  },
  'exponentialBackoff: "factor"': {
    make: (factor) => exponentialBackoff({ factor }),
    bad: [...NOTHING_USEFUL, Number.NaN, 0, -2, 0.5, Infinity, '2'],
    good: [undefined, 1, 1.5, 10],
  },
  'exponentialBackoff: "jitter"': {
    make: (jitter) => exponentialBackoff({ jitter }),
    bad: [...NOTHING_USEFUL, 2, -1, Number.NaN, 'Full'],
    good: [undefined, 'full', 'equal', 'none'],
  },
  'decorrelatedJitterBackoff: "initial"': {
    make: (initial) => decorrelatedJitterBackoff({ initial }),
    bad: [...NOT_POSITIVE_DURATIONS, Infinity],
    good: [undefined, '1s'],
  },
  'decorrelatedJitterBackoff: "max"': {
    make: (max) => decorrelatedJitterBackoff({ max }),
    bad: [...NOT_POSITIVE_DURATIONS, Infinity, 1],
    good: [undefined, '1m'],
  },
  'timeout: "duration"': {
    make: timeout,
    bad: [...NOT_POSITIVE_DURATIONS.filter((value) => typeof value !== 'object' || value === null), undefined],
    good: [1, '5s', Infinity, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 0.5, '30d', 2 ** 53, { duration: 1 }],
  },
  'timeout: "name"': { make: (name) => timeout({ duration: 1, name }), bad: NOT_NAMES, good: [undefined, 'soon'] },
  'circuitBreaker: "failureRateThreshold"': {
    make: (failureRateThreshold) => circuitBreaker({ failureRateThreshold }),
    bad: [...NOT_RATES, 101],
    good: [undefined, 0.01, 1],
  },
  'circuitBreaker: "slowCallDuration"': {
    make: (slowCallDuration) => circuitBreaker({ slowCallDuration }),
    bad: [...NOT_POSITIVE_DURATIONS, Infinity],
    good: [undefined, '1s'],
  },
  'circuitBreaker: "slowCallRateThreshold"': {
    make: (slowCallRateThreshold) => circuitBreaker({ slowCallRateThreshold }),
    bad: NOT_RATES,
    good: [undefined, 0.5, 1],
  },
  'circuitBreaker: "consecutiveFailures"': {
    make: (consecutiveFailures) => circuitBreaker({ consecutiveFailures }),
    bad: [...NOT_POSITIVE_INTEGERS, Infinity],
    good: [undefined, 1, 5],
  },
  'circuitBreaker: "window': {
    make: (window) => circuitBreaker({ window }),
    bad: [
      ...[null, true, 'abc', 10, [], {}, { duration: '1s', calls: 1 }, { duration: 0.9 }, { duration: Infinity }],
      ...[{ calls: 0 }, { calls: 1.5 }, { calls: Number.NaN }, { calls: '5' }, { calls: 2 ** 32 }, { calls: Infinity }],
    ],
    good: [undefined, { duration: '1s' }, { duration: 1 }, { calls: 1 }, { calls: 100_000 }],
  },
  'circuitBreaker: "minimumCalls"': {
    make: (minimumCalls) => circuitBreaker({ minimumCalls, window: { calls: 10 } }),
    bad: [...NOT_POSITIVE_INTEGERS, 11, Infinity],
    good: [undefined, 1, 10],
  },
  'circuitBreaker: "openFor"': {
    make: (openFor) => circuitBreaker({ openFor }),
    bad: [...NOT_POSITIVE_DURATIONS, Infinity],
    good: [undefined, '1s', 2 ** 40, constantBackoff(5)],
  },
  'circuitBreaker: "halfOpen': {
    make: (halfOpen) => circuitBreaker({ halfOpen }),
    bad: [
      ...[null, true, 'abc', 10, [], { probes: 0 }, { probes: Number.NaN }, { probes: 1.5 }, { probes: Infinity }],
      ...[{ maxFailures: -1 }, { maxFailures: 0.5 }, { probeTimeout: 0 }, { probeTimeout: Number.NaN }],
    ],
    good: [undefined, {}, { probes: 1 }, { maxFailures: 2 }, { probeTimeout: Infinity }],
  },
  'circuitBreaker: "mode"': {
    make: (mode) => circuitBreaker({ mode }),
    bad: [...NOTHING_USEFUL, 'off'],
    good: [undefined, 'enforce', 'observe'],
  },
  'circuitBreaker: "initialState': {
    make: (initialState) => circuitBreaker({ initialState }),
    bad: [
      ...[null, true, 1, 'halfopen', {}, { state: 'open' }, { state: 'isolated', openings: 1, remainingOpenMs: 0 }],
      ...[
        { state: 'open', openings: 0, remainingOpenMs: 5 },
        { state: 'open', openings: 1, remainingOpenMs: -5 },
      ],
      ...[
        { state: 'open', openings: 1, remainingOpenMs: null },
        { state: 'closed', openings: 1.5, remainingOpenMs: 0 },
      ],
    ],
    good: [undefined, 'closed', 'open', 'half-open', 'isolated', 'disabled', circuitBreaker().toJSON()],
  },
  'circuitBreaker: "classify"': {
    make: (classify) => circuitBreaker({ classify }),
    bad: NOT_FUNCTIONS,
    good: [undefined],
  },
  'bulkhead: "maxConcurrent"': {
    make: (maxConcurrent) => bulkhead({ maxConcurrent }),
    bad: [...NOT_POSITIVE_INTEGERS, Infinity, undefined],
    good: [1, 2 ** 32],
  },
  'bulkhead: "maxQueue"': {
    make: (maxQueue) => bulkhead({ maxConcurrent: 1, maxQueue }),
    bad: NOT_POSITIVE_INTEGERS.filter((value) => value !== 0),
    good: [undefined, 0, -0, 1, Infinity],
  },
  'bulkhead: "queueTimeout"': {
    make: (queueTimeout) => bulkhead({ maxConcurrent: 1, queueTimeout }),
    bad: NOT_POSITIVE_DURATIONS,
    good: [undefined, '1s', Infinity],
  },
  'fallback: "classify"': { make: (classify) => fallback(1, { classify }), bad: NOT_FUNCTIONS, good: [undefined] },
  'keyed: "make"': { make: (make) => keyed(make), bad: [...NOT_FUNCTIONS, undefined], good: [() => retry()] },
  'keyed: "maxKeys"': {
    make: (maxKeys) => keyed(() => retry(), { maxKeys }),
    bad: [...NOT_POSITIVE_INTEGERS, Infinity],
    good: [undefined, 1, 1e6],
  },
  'keyed: "idleFor"': {
    make: (idleFor) => keyed(() => retry(), { idleFor }),
    bad: NOT_POSITIVE_DURATIONS,
    good: [undefined, '1s', Infinity],
  },
  'pipeline: "policies"': {
    make: (policy) => pipeline(policy),
    bad: [...NOTHING_USEFUL, undefined, 1, retry],
    good: [retry(), definePolicy({ name: 'mine', run: (next, context) => next(context) })],
  },
  'definePolicy: "name"': {
    make: (name) => definePolicy({ name, run: (next, context) => next(context) }),
    bad: [...NOT_NAMES, undefined],
    good: ['mine'],
  },
  'definePolicy: "run"': {
    make: (run) => definePolicy({ name: 'mine', run }),
    bad: [...NOT_FUNCTIONS, undefined],
    good: [async () => 1],
  },
  'resilientFetch: "fetch"': {
    make: (fetch) => resilientFetch({ fetch }),
    bad: NOT_FUNCTIONS,
    good: [undefined, fetch],
  },
  'resilientFetch: "bodyTimeout"': {
    make: (bodyTimeout) => resilientFetch({ bodyTimeout }),
    bad: NOT_POSITIVE_DURATIONS,
    good: [undefined, '1m', Infinity],
  },
  'resilientFetch: "timeout"': {
    make: (timeout) => resilientFetch({ timeout }),
    bad: NOT_POSITIVE_DURATIONS,
    good: [undefined, '1m', Infinity],
  },
  'resilientFetch: "attemptTimeout"': {
    make: (attemptTimeout) => resilientFetch({ attemptTimeout }),
    bad: NOT_POSITIVE_DURATIONS,
    good: [undefined, '1m', Infinity],
  },
  'resilientFetch: "drainLimit"': {
    make: (drainLimit) => resilientFetch({ drainLimit }),
    bad: [...NOTHING_USEFUL, Number.NaN, -1, 1.5, Infinity, '1'],
    good: [undefined, 0, 1e6],
  },
  'resilientFetch: "policy"': {
    make: (policy) => resilientFetch({ policy }),
    bad: NOT_FUNCTIONS,
    good: [undefined, retry()],
  },
  'resilientFetch: "retry" beside a policy': {
    make: (retryOptions) => resilientFetch({ policy: retry(), retry: retryOptions }),
    bad: [{}, false],
    good: [undefined],
  },
  'resilientFetch: "bulkhead.holdUntil"': {
    make: (holdUntil) => resilientFetch({ bulkhead: { holdUntil } }),
    bad: [null, 'end', 1, 'body'],
    good: [undefined, 'headers'],
  },
  'retry: "maxAttempts" of resilientFetch': {
    make: (maxAttempts) => resilientFetch({ retry: { maxAttempts } }),
    bad: NOT_POSITIVE_INTEGERS,
    good: [undefined, 5],
  },
  'circuitBreaker: "openFor" of resilientFetch': {
    make: (openFor) => resilientFetch({ circuitBreaker: { openFor } }),
    bad: NOT_POSITIVE_DURATIONS,
    good: [undefined, 5],
  },
  'resilientFetch: "retry"': {
    make: (part) => resilientFetch({ retry: part }),
    bad: NOT_FUNCTIONS.slice(0, 2),
    good: [false, {}],
  },
  'resilientFetch: "circuitBreaker"': {
    make: (part) => resilientFetch({ circuitBreaker: part }),
    bad: [null, true, 'on', 1],
    good: [false, {}, undefined],
  },
  'resilientFetch: "bulkhead"': {
    make: (part) => resilientFetch({ bulkhead: part }),
    bad: [null, true, 'on', 1],
    good: [false, {}, undefined],
  },
  'resilientFetch: "key"': {
    make: (key) => resilientFetch({ key }),
    bad: NOT_FUNCTIONS,
    good: [undefined, () => 'key'],
  },
  'resilientFetch: "route"': {
    make: (route) => resilientFetch({ route }),
    bad: NOT_FUNCTIONS,
    good: [undefined, () => ({ url: 'http://localhost' })],
  },
  'seededRandom: "seed"': {
    make: seededRandom,
    bad: [...NOTHING_USEFUL, Number.NaN, Infinity, undefined],
    good: [0, -1, 1.5],
  },
};

describe.each(Object.entries(table))('%s', (label, { make, bad, good }) => {
  it.each(bad.map((value) => [value]))('the factory rejects %s', (value) => {
    const error = thrownBy(() => make(value as never));
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toBeInstanceOf(ResilienceError);
    expect(isResilienceError(error, 'ERR_INVALID_OPTION')).toBe(true);
    const { message, owner, option } = error as InvalidOptionError;
    expect(message.startsWith(label.split(/ of | beside /)[0] as string)).toBe(true);
    expect(message.startsWith(`${owner}: "${option}" `)).toBe(true);
    expect(message).toMatch(/^[^"]+"[^"]+" \w.+, got .+$/s); // the rule is in between
  });

  it.each(good.map((value) => [value]))('the factory accepts %s', (value) => {
    expect(() => make(value as never)).not.toThrow();
  });
});

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('Options', () => {
  const factories: Record<string, Make> = {
    retry: (options) => retry(options),
    RetryBudget: (options) => new RetryBudget(options),
    exponentialBackoff,
    linearBackoff: (options: object) => linearBackoff({ initial: 1, max: 1, ...options }),
    decorrelatedJitterBackoff,
    timeout: (options: object) => timeout({ duration: 1, ...options }),
    circuitBreaker: (options) => circuitBreaker(options),
    bulkhead: (options: object) => bulkhead({ maxConcurrent: 1, ...options }),
    fallback: (options) => fallback(1, options),
    keyed: (options) => keyed(() => retry(), options),
    definePolicy: (options: object) => definePolicy({ name: 'mine', run: async () => 1, ...options }),
    resilientFetch: (options) => resilientFetch(options),
  };

  it.each(Object.entries(factories))('%s rejects an unknown option', (owner, make) => {
    expect(() => make({ nmae: 'x' } as never)).toThrow(new RegExp(`^${owner}: "nmae" is unknown`));
  });

  it.each(
    Object.entries({
      name: ['retry', 'timeout', 'circuitBreaker', 'bulkhead', 'fallback', 'keyed', 'definePolicy'],
      clock: [
        'retry',
        'RetryBudget',
        'timeout',
        'circuitBreaker',
        'bulkhead',
        'keyed',
        'definePolicy',
        'resilientFetch',
      ],
      random: ['retry', 'circuitBreaker', 'resilientFetch'],
    }).flatMap(([option, owners]) => owners.map((owner) => [owner, option] as const)),
  )('%s rejects an invalid "%s" with an error that names the owner and the option', (owner, option) => {
    expect(thrownBy(() => factories[owner]?.({ [option]: {} } as never))).toMatchObject({ owner, option });
  });

  it('an error for an unknown option suggests the known option with a similar name', () => {
    expect(() => retry({ maxAtempts: 3 } as object)).toThrow(
      'retry: "maxAtempts" is unknown (did you mean "maxAttempts"?), got 3',
    );
    expect(() => circuitBreaker({ halfOpen: { probe: 3 } } as object)).toThrow('did you mean "probes"?');
  });

  it.each([null, 1, 'abc', true, []])('retry(%s) is rejected', (options) => {
    expect(() => retry(options as never)).toThrow(/^retry: "options" must be an object, got /);
  });

  it('an error message states the rule and the value as the documentation does', () => {
    expect(() => retry({ maxAttempts: Number.NaN })).toThrow('retry: "maxAttempts" must be an integer ≥ 1, got NaN');
    expect(() => retry({ maxAttempts: '2' as never })).toThrow('retry: "maxAttempts" must be an integer ≥ 1, got "2"');
    expect(() => timeout('5 s' as never)).toThrow(
      /^timeout: "duration" must be milliseconds or a string like .*, got "5 s"$/,
    );
    for (const [initialState, got] of [
      ['halfopen', '"halfopen"'],
      [null, 'null'],
    ] as const) {
      expect(() => circuitBreaker({ initialState: initialState as never })).toThrow(
        `circuitBreaker: "initialState" must be one of 'closed', 'open', 'half-open', 'isolated', 'disabled', or a value returned by toJSON(), got ${got}`,
      );
    }
  });

  it('options may be frozen, may have no prototype and may have getters, and undefined means the default', () => {
    expect(() => retry(Object.freeze({ maxAttempts: 2 }))).not.toThrow();
    expect(() => retry(Object.assign(Object.create(null), { maxAttempts: 2 }))).not.toThrow();
    let reads = 0;
    retry({
      get maxAttempts() {
        reads++;
        return 2;
      },
    });
    expect(reads).toBe(1);
    expect(retry({ maxAttempts: undefined }).describe().maxAttempts).toBe(3);
  });

  it('options are read once, and are neither kept nor changed', () => {
    const options = { maxConcurrent: 1, maxQueue: 5 };
    const policy = bulkhead(options);
    options.maxConcurrent = 100;
    expect(policy.describe().maxConcurrent).toBe(1);
    expect(options).toEqual({ maxConcurrent: 100, maxQueue: 5 });
  });

  it('options of a polluted prototype are ignored', () => {
    const prototype = Object.prototype as { maxAttempts?: unknown };
    prototype.maxAttempts = -1;
    try {
      expect(retry({}).describe().maxAttempts).toBe(3);
    } finally {
      delete prototype.maxAttempts;
    }
  });
});

describe('The options of a call', () => {
  const policy = retry();
  const refused = (operation: unknown, options?: object) =>
    expect(policy.execute(operation as () => 1, options as never)).rejects;

  it.each([null, undefined, 1, {}, 'abc'])('an operation that is %s is rejected', async (operation) => {
    await refused(operation).toThrow(/^retry: "operation" must be a function, got /);
  });

  it.each([{}, 1, 'abc', true])('a signal that is %s is rejected', async (signal) => {
    await refused(() => 1, { signal }).toThrow(/^retry: "signal" must be an AbortSignal, got /);
  });

  it.each([0, -1, Number.NaN, '5 s', null])('a timeout of %s is rejected', async (value) => {
    await refused(() => 1, { timeout: value }).toThrow(/^retry: "timeout" must be milliseconds/);
  });

  it.each([Number.NaN, Infinity, '1', null])('a priority of %s is rejected', async (priority) => {
    await refused(() => 1, { priority }).toThrow(/^retry: "priority" must be a finite number/);
  });

  it.each([1, null, {}])('a key of %s is rejected', async (key) => {
    await refused(() => 1, { key }).toThrow(/^retry: "key" must be a string/);
  });

  it.each([1, null, 'false'])('a "repeatable" of %s is rejected', async (repeatable) => {
    await refused(() => 1, { repeatable }).toThrow(/^retry: "repeatable" must be a boolean/);
  });

  it('unknown options of a call are rejected', async () => {
    const call = policy.execute(() => 1, { traceId: 'abc' } as object);
    await expect(call).rejects.toThrow('retry: "traceId" is unknown, got "abc"');
  });

  it('a null signal means no signal', async () => {
    await expect(policy.execute(() => 1, { signal: null })).resolves.toBe(1);
  });

  it('a value that is not a function cannot be wrapped', () => {
    expect(() => policy.wrap(1 as never)).toThrow('retry: "fn" must be a function, got 1');
  });

  it.each([-1, Number.NaN, '5' as never])('sleep rejects %s', async (ms) => {
    await expect(sleep(ms)).rejects.toThrow(/^sleep: "ms" must be a number ≥ 0, got /);
  });
});

describe('An unknown option', () => {
  const long = 'x'.repeat(1_000_000);

  it('a name of a million characters is cut in the message, has no suggestion and takes less than a second', () => {
    const before = performance.now();
    for (const refuse of [
      () => retry({ [long]: 1 } as object),
      () => circuitBreaker({ halfOpen: { [long]: 1 } } as object),
      () => loadingCache({ load: async () => 1, capacity: 1 }).set('a', 1, { [long]: 1 } as object),
    ]) {
      expect(refuse).toThrow(/^.{1,40}x{40,60}…" is unknown, got 1$/);
    }
    expect(performance.now() - before).toBeLessThan(1000);
  });

  it.each(['foo', 'size', 'onError', 'completelyDifferent'])(
    'the name %s resembles no option and has no suggestion',
    (name) => {
      expect(() => timeout({ duration: 1, [name]: 1 } as never)).toThrow(`timeout: "${name}" is unknown, got 1`);
    },
  );

  it('a long value is cut in the message like a long name', () => {
    expect(
      () => new KeyedRateLimiter(() => new TokenBucket({ capacity: 1, refill: 1, per: 1 }), { atLimit: long } as never),
    ).toThrow(/x{60}…"$/);
    expect(() => timeout(long as never)).toThrow(/x{60}…"$/);
  });
});
