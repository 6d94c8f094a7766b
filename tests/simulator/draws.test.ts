/** Random durations, keys and arrivals: their shape, and the same bits on every engine. */
import {
  burst,
  closed,
  constant,
  constantRate,
  type Distribution,
  diurnal,
  empirical,
  exponential,
  type Load,
  logNormal,
  poisson,
  ramp,
  server,
  simulate,
  trace,
  uniform,
  zipf,
} from 'breakwater/simulator';
import { seededRandom } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { exp, ln, normalQuantile } from '../../src/simulator/exact-math.js';

const COUNT = 40_000;

function drawn(distribution: Distribution, count = COUNT): { readonly mean: number; at(share: number): number } {
  const random = seededRandom(11);
  const sorted = Float64Array.from({ length: count }, () => distribution(random)).sort();
  return {
    mean: sorted.reduce((sum, value) => sum + value, 0) / count,
    at: (share) => sorted[Math.floor(share * count)]!,
  };
}

describe('The logarithm and the exponential function', () => {
  it('both are within one unit in the last place of those of this engine', () => {
    for (let step = 1; step < 50_000; step++) {
      const x = step / 9973;
      expect(Math.abs(ln(x) - Math.log(x))).toBeLessThanOrEqual(2 ** -52 * Math.abs(Math.log(x)));
      const y = (step - 25_000) / 100;
      expect(Math.abs(exp(y) / Math.exp(y) - 1)).toBeLessThanOrEqual(2 ** -51);
    }
    expect([ln(1), exp(0), ln(2 ** -53), ln(2 ** 40)]).toEqual([0, 1, -53 * Math.LN2, 40 * Math.LN2]);
  });

  it('the normal quantile has its known values', () => {
    expect(normalQuantile(0.5)).toBe(0);
    for (const [probability, value] of [
      [0.975, 1.959963984540054],
      [0.99, 2.3263478740408408],
      [1e-6, -4.753424308822899],
      [1e-10, -6.361340902404056],
    ] as const) {
      expect(normalQuantile(probability)).toBeCloseTo(value, 12);
    }
  });
});

describe('Distributions', () => {
  it('a constant is always the same', () => {
    expect(drawn(constant('1.5s')).at(0)).toBe(1500);
    expect(drawn(constant('1.5s')).at(0.999)).toBe(1500);
  });

  it('an exponential distribution has its mean, and a 99th percentile of 4.6 times the mean', () => {
    const values = drawn(exponential('10ms'));
    expect(values.mean).toBeCloseTo(10, 0);
    expect(values.at(0.99) / 10).toBeCloseTo(4.605, 0);
    expect(values.at(0)).toBeGreaterThanOrEqual(0);
  });

  it('a uniform distribution is even between its bounds', () => {
    const values = drawn(uniform('10ms', '20ms'));
    expect(values.mean).toBeCloseTo(15, 1);
    expect(values.at(0)).toBeGreaterThanOrEqual(10);
    expect(values.at(0.25)).toBeCloseTo(12.5, 0);
  });

  it('a log-normal distribution has its median and its 99th percentile', () => {
    const values = drawn(logNormal({ median: '20ms', p99: '200ms' }));
    expect(values.at(0.5) / 20).toBeCloseTo(1, 1);
    expect(values.at(0.99) / 200).toBeCloseTo(1, 1);
    expect(drawn(logNormal({ median: 5, p99: 5 })).at(0.9)).toBe(5);
  });

  it('an empirical distribution has the shares of its histogram', () => {
    const values = drawn(
      empirical([
        ['10ms', 70],
        ['20ms', 0],
        ['100ms', 30],
      ]),
    );
    expect(values.at(0.69)).toBeLessThanOrEqual(10);
    expect(values.at(0.71)).toBeGreaterThanOrEqual(20);
    expect(values.at(0.999)).toBeLessThanOrEqual(100);
    expect(values.mean).toBeCloseTo(0.7 * 5 + 0.3 * 60, 0);
  });

  it('invalid options are rejected', () => {
    expect(() => constant(-1)).toThrow('constant: "duration"');
    expect(() => exponential(0)).toThrow('exponential: "mean"');
    expect(() => uniform('2s', '1s')).toThrow('uniform: "to"');
    expect(() => logNormal({ median: '2s', p99: '1s' })).toThrow('logNormal: "p99"');
    expect(() => empirical([])).toThrow('"buckets" must be an array of pairs');
    expect(() => empirical([['1s', 0]])).toThrow('must have a count above 0');
    expect(() =>
      empirical([
        ['2s', 1],
        ['1s', 1],
      ]),
    ).toThrow('"buckets[1][0]"');
  });

  it('the draws of every distribution and key are the same numbers on every engine', () => {
    const random = seededRandom(3);
    const draws = [
      exponential(10),
      logNormal({ median: 20, p99: 300 }),
      empirical([
        ['1s', 2],
        ['2s', 1],
      ]),
    ].map((one) => Array.from({ length: 3 }, () => one(random)));
    const keys = zipf({ count: 1000, exponent: 0.9 });
    expect([draws, Array.from({ length: 8 }, () => keys(random))]).toMatchInlineSnapshot(`
      [
        [
          [
            0.6877142066550869,
            8.14759777995695,
            2.0891402406805404,
          ],
          [
            135.56390589080783,
            15.963366360600372,
            8.719670948269128,
          ],
          [
            195.86072489619255,
            1414.2566220834851,
            93.52488827425987,
          ],
        ],
        [
          "161",
          "31",
          "826",
          "351",
          "0",
          "5",
          "379",
          "345",
        ],
      ]
    `);
  });
});

describe('Keys', () => {
  it('keys of a Zipf distribution are used in proportion to their rank', () => {
    const random = seededRandom(5);
    const keys = zipf({ count: 100 });
    const counts = new Map<string, number>();
    for (let index = 0; index < COUNT; index++) {
      const key = keys(random);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.get('0')! / counts.get('1')!).toBeCloseTo(2, 0);
    expect(counts.get('0')! / counts.get('9')!).toBeGreaterThan(8);
    expect(counts.size).toBe(100);
    expect(drawn(() => Number(zipf({ count: 4, exponent: 0 })(random)), 2000).mean).toBeCloseTo(1.5, 0);
    expect(() => zipf({ count: 0 })).toThrow('zipf: "count"');
    expect(() => zipf({ count: 10, exponent: -1 })).toThrow('zipf: "exponent"');
  });
});

/** The number of calls that begin in each second. */
async function callsPerSecond(load: Load | readonly Load[], seconds: number): Promise<number[]> {
  const { series } = await simulate({
    world: { api: server({ service: 0 }) },
    load,
    duration: seconds * 1000,
    candidate: () => () => undefined,
  });
  return series.map(({ offered }) => offered);
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe('Loads', () => {
  it('a Poisson load has its rate, and its counts vary as much as they are large', async () => {
    const counts = await callsPerSecond(poisson({ perSecond: 50 }), 400);
    const mean = sum(counts) / counts.length;
    const variance = sum(counts.map((count) => (count - mean) ** 2)) / counts.length;
    expect(mean).toBeCloseTo(50, -1);
    expect(variance / mean).toBeGreaterThan(0.8);
    expect(variance / mean).toBeLessThan(1.25);
  });

  it('a constant rate has equal gaps, and a trace has its times', async () => {
    expect(await callsPerSecond(constantRate({ perSecond: 4 }), 3)).toEqual([3, 4, 4]);
    expect(await callsPerSecond(trace({ times: [0, 5, 999, 1000, 2500, 9999] }), 3)).toEqual([3, 1, 1]);
  });

  it('several loads are added up', async () => {
    const loads = [constantRate({ perSecond: 4 }), trace({ times: [500, 600] })];
    expect(await callsPerSecond(loads, 2)).toEqual([5, 4]);
  });

  it('a ramp, a burst and the course of a day change the rate', async () => {
    const rising = await callsPerSecond(poisson({ perSecond: ramp({ from: 0, to: 200, over: '10s' }) }), 20);
    expect(rising[0]).toBeLessThan(30);
    expect(sum(rising.slice(10)) / 10).toBeCloseTo(200, -1.5);
    const burstly = await callsPerSecond(
      poisson({ perSecond: burst({ perSecond: 20, to: 400, at: '3s', for: '2s' }) }),
      8,
    );
    expect(Math.min(burstly[3]!, burstly[4]!)).toBeGreaterThan(330);
    expect(Math.max(...burstly.slice(0, 3), ...burstly.slice(5))).toBeLessThan(45);
    const day = await callsPerSecond(poisson({ perSecond: diurnal({ low: 0, high: 300, period: '20s' }) }), 40);
    expect(day[9]).toBeGreaterThan(250);
    expect(day[0]! + day[19]! + day[39]!).toBeLessThan(30);
  });

  it('the users of a closed load wait for their answers, and think', async () => {
    const result = await simulate({
      world: { api: server({ workers: 1, service: constant('100ms') }) },
      load: closed({ users: 3, thinkTime: '200ms' }),
      duration: '30s',
      warmUp: '1s',
      candidate:
        ({ world }) =>
        () =>
          world.api.send(),
    });
    // One worker serves 10 requests per second, and three users are just enough to keep it busy.
    expect(result.goodput).toBeCloseTo(10, 0);
    expect(result.latency.maxMs).toBeLessThanOrEqual(300);
    const alone = await callsPerSecond(closed({ users: 1, thinkTime: constant('250ms') }), 4);
    expect(alone).toEqual([3, 4, 4, 4]);
  });

  it('invalid options are rejected', () => {
    expect(() => poisson({ perSecond: 0 })).toThrow('poisson: "perSecond"');
    expect(() => poisson({ perSecond: {} as never })).toThrow('poisson: "perSecond"');
    expect(() => poisson({ rate: 5 } as never)).toThrow('poisson: "rate" is unknown');
    expect(() => constantRate({ perSecond: Number.NaN })).toThrow('constantRate: "perSecond"');
    expect(() => trace({ times: [5, 4] })).toThrow('trace: "times[1]"');
    expect(() => trace({ times: 5 as never })).toThrow('trace: "times"');
    expect(() => closed({ users: 0, thinkTime: 1 })).toThrow('closed: "users"');
    expect(() => ramp({ from: 0, to: 0, over: '1s' })).toThrow('ramp: "to"');
    expect(() => burst({ perSecond: 1, to: -1, at: 0, for: '1s' })).toThrow('burst: "to"');
    expect(() => diurnal({ low: 5, high: 4, period: '1d' })).toThrow('diurnal: "high"');
    expect(() => poisson({ perSecond: 1, keys: 'a' as never })).toThrow('poisson: "keys"');
    expect(() => poisson({ perSecond: 1, tenant: 5 as never })).toThrow('poisson: "tenant"');
    expect(() => poisson({ perSecond: 1, priority: -1 })).toThrow('poisson: "priority"');
  });
});
