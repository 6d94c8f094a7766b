import { describe, expect, test } from 'vitest';
import { failures, figures, percentile } from '../../demo/stats.js';
import { Side } from '../../demo/traffic.js';

describe('percentile', () => {
  test('the percentile is the nearest rank for values in any order', () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(percentile(values, 0.5)).toBe(50);
    expect(percentile(values, 0.99)).toBe(99);
    expect(percentile(values, 1)).toBe(100);
    expect(percentile(values, 0)).toBe(1);
  });

  test('values are sorted as numbers, and the input is not changed', () => {
    const values = [10, 9, 100];
    expect(percentile(values, 0.5)).toBe(10);
    expect(values).toEqual([10, 9, 100]);
  });

  test('the percentile of one value is that value, and that of no values is undefined', () => {
    expect(percentile([7], 0.5)).toBe(7);
    expect(percentile([7], 0.99)).toBe(7);
    expect(percentile([], 0.5)).toBeUndefined();
  });
});

describe('Figures', () => {
  const side = new Side();
  side.calls.push(
    { startMs: 0, latencyMs: 10, failure: undefined },
    { startMs: 50, latencyMs: 2_000, failure: 'timed out' },
    { startMs: 100, latencyMs: 20, failure: undefined },
    { startMs: 150, latencyMs: 5, failure: 'answered 503' },
    { startMs: 150, latencyMs: 6, failure: 'answered 503' },
  );
  side.arrivals.push(1, 51, 101, 110, 151, 151);

  test('the figures count calls by their start and requests by their arrival', () => {
    expect(figures(side)).toEqual({
      requests: 5,
      successes: 2,
      successRate: 0.4,
      p50Ms: 10,
      p99Ms: 2_000,
      upstreamRequests: 6,
    });
    expect(figures(side, 0, 100)).toMatchObject({ requests: 2, successes: 1, successRate: 0.5, upstreamRequests: 2 });
    expect(figures(side, 100)).toMatchObject({ requests: 3, successes: 1, upstreamRequests: 4 });
  });

  test('the figures of no calls have no rates', () => {
    expect(figures(new Side())).toEqual({
      requests: 0,
      successes: 0,
      successRate: null,
      p50Ms: null,
      p99Ms: null,
      upstreamRequests: 0,
    });
  });

  test('failures are counted by reason in descending order', () => {
    expect(failures(side)).toEqual([
      ['answered 503', 2],
      ['timed out', 1],
    ]);
  });
});

describe('A side', () => {
  const url = 'http://127.0.0.1/';

  test('a call that is open at the end has failed, and its late response changes nothing', async () => {
    const side = new Side();
    let answer: (response: Response) => void = () => {};
    const call = side.call(
      () => new Promise((resolve) => (answer = resolve)),
      url,
      () => 30,
    );
    expect(side.openCalls).toBe(1);
    side.close(100);
    answer(new Response('late'));
    await call;
    expect(side.calls).toEqual([{ startMs: 30, latencyMs: 70, failure: 'open at the end' }]);
    expect(side.openCalls).toBe(0);
  });

  test('a 2xx response after two seconds is not a success', async () => {
    const side = new Side();
    const times = [0, 2_001];
    await side.call(
      async () => new Response('ok'),
      url,
      () => times.shift()!,
    );
    expect(side.calls).toEqual([{ startMs: 0, latencyMs: 2_001, failure: 'too late' }]);
  });

  test('an incomplete body is a failure', async () => {
    const side = new Side();
    const broken = new ReadableStream({ pull: (controller) => controller.error(new Error('cut')) });
    await side.call(
      async () => new Response(broken),
      url,
      () => 0,
    );
    expect(side.calls).toMatchObject([{ failure: 'cut' }]);
  });
});
