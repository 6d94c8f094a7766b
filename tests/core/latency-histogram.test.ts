import { seededRandom } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { LatencyHistogram } from '../../src/core/latency-histogram.js';

const make = (samplesPerHalf = 1000, minSamplesPerHalf = 100) =>
  new LatencyHistogram({ samplesPerHalf, minSamplesPerHalf });

describe('A latency histogram', () => {
  it('has no quantile without samples', () => {
    expect(make().count).toBe(0);
    expect(make().quantile(0.5)).toBeNaN();
  });

  it('has quantiles with an error of at most 5 %, from 0.1 ms to 26 minutes', () => {
    for (let ms = 0.11; ms < 1_500_000; ms *= 1.37) {
      const histogram = make();
      histogram.record(ms, 0);
      expect(histogram.quantile(0.5) / ms).toBeGreaterThan(1 / 1.0489);
      expect(histogram.quantile(0.5) / ms).toBeLessThan(1.0489);
    }
  });

  it('counts values outside its range at its ends', () => {
    for (const ms of [0, -1, 0.01, Number.NaN]) {
      const histogram = make();
      histogram.record(ms, 0);
      expect(histogram.quantile(1)).toBe(0.1);
    }
    for (const ms of [1e8, Infinity]) {
      const histogram = make();
      histogram.record(ms, 0);
      expect(histogram.quantile(1)).toBeGreaterThan(1_500_000);
    }
  });

  it('agrees with the sorted samples', () => {
    const random = seededRandom(1);
    const histogram = make();
    const samples = Array.from({ length: 1000 }, () => Math.exp(8 * random()));
    for (const ms of samples) histogram.record(ms, 0);
    samples.sort((a, b) => a - b);
    for (const share of [0.001, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1]) {
      const exact = samples[Math.ceil(share * 1000) - 1] as number;
      expect(histogram.quantile(share) / exact).toBeGreaterThan(1 / 1.0489);
      expect(histogram.quantile(share) / exact).toBeLessThan(1.0489);
    }
  });

  it('keeps the samples of one to two halves', () => {
    const histogram = make(100, 10);
    for (let i = 0; i < 100; i++) histogram.record(1, 0);
    expect(histogram.count).toBe(100);
    for (let i = 0; i < 100; i++) histogram.record(50, 0);
    expect(histogram.count).toBe(200);
    histogram.record(50, 0);
    expect(histogram.count).toBe(101);
    expect(histogram.quantile(0.001)).toBeGreaterThan(40);
  });

  it('ends a half after 30 seconds if it has enough samples, otherwise after 5 minutes', () => {
    const histogram = make(1000, 10);
    for (let i = 0; i < 10; i++) histogram.record(1, 0);
    expect(histogram.advance(29_999)).toBe(false);
    expect(histogram.advance(30_000)).toBe(true);
    for (let i = 0; i < 9; i++) histogram.record(2, 30_000);
    expect(histogram.count).toBe(19);
    expect(histogram.advance(329_999)).toBe(false);
    expect(histogram.count).toBe(19);
    expect(histogram.advance(330_000)).toBe(true);
    expect(histogram.count).toBe(9);
  });

  it('is empty after ten minutes without a sample', () => {
    const histogram = make();
    for (let i = 0; i < 500; i++) histogram.record(1, 0);
    expect(histogram.advance(600_000)).toBe(true);
    expect(histogram.count).toBe(0);
    expect(histogram.advance(10_000_000)).toBe(false);
  });

  it('starts at any time of its clock', () => {
    for (const start of [-1e9, 0, 1e12]) {
      const histogram = make();
      histogram.record(5, start);
      expect(histogram.count).toBe(1);
    }
  });

  it('never counts more than its cells of 16 bits can hold', () => {
    const histogram = make(1e9, 10);
    for (let i = 0; i < 70_000; i++) histogram.record(1, 0);
    expect(histogram.count).toBe(70_000);
    expect(histogram.quantile(1)).toBeLessThan(1.05);
  });
});
