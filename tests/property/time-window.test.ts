import fc from 'fast-check';
import { expect, it } from 'vitest';
import { countWindow, DurationWindow } from '../../src/circuit-breaker/windows.js';
import { TimeWindow } from '../../src/core/time-window.js';
import { runs } from '../support/runs.js';

it('a time window counts the last nine tenths of its duration, and nothing older than its duration, for any gaps and steps back', () => {
  const event = fc.record({
    gap: fc.oneof(fc.nat(50), fc.nat(500), fc.constantFrom(99, 100, 101, 1e9)),
    add: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.double({ min: 0.01, max: 1000, noNaN: true }),
      fc.array(event, { maxLength: 100 }),
      fc.double({ min: 0, max: 1e12, noNaN: true }),
      (scale, events, origin) => {
        const durationMs = 100 * scale;
        const window = new TimeWindow(durationMs);
        let now = origin;
        const times: number[] = [];
        for (const { gap, add } of events) {
          now += gap * scale;
          window.advance(now);
          if (add) {
            window.add(1);
            times.push(now);
          }
          const total = window.total(1);
          const within = (ms: number) => times.filter((time) => now - time < ms).length;
          const tolerance = Math.max(1e-9, now * 1e-9); // the buckets' edges, in floating point
          expect(total).toBeGreaterThanOrEqual(within(durationMs * 0.9 - tolerance));
          expect(total).toBeLessThanOrEqual(within(durationMs + tolerance));
          expect(window.total(0)).toBe(0);
          window.advance(now - durationMs * 5); // a clock that steps back changes nothing
          expect(window.total(1)).toBe(total);
        }
      },
    ),
    { numRuns: runs(500) },
  );
});

it('A busy time window counts up to 15 successes, and 1 in 64 calls, as of the previous reading, and no other calls', () => {
  const BUCKET_MS = 100;
  const call = fc.record({
    gap: fc.oneof(
      { weight: 20, arbitrary: fc.constantFrom(0, 1, 5) },
      { weight: 1, arbitrary: fc.constantFrom(60, 950) },
    ),
    failed: fc.nat(40).map((n) => n === 0),
    slow: fc.nat(40).map((n) => n === 0),
    isWatched: fc.nat(60).map((n) => n === 0),
  });
  let unread = 0;
  fc.assert(
    fc.property(fc.array(call, { minLength: 300, maxLength: 1500, size: 'max' }), (calls) => {
      const window = new DurationWindow(10 * BUCKET_MS);
      const countedAt: number[] = [];
      let now = 0;
      let readAt = -Infinity;
      let inARow = 0;
      let callsAtReading = 0;
      const counted = () => {
        const oldest = Math.floor(readAt / BUCKET_MS) - 10;
        return countedAt.filter((at) => Math.floor(at / BUCKET_MS) > oldest).length;
      };
      const read = () => {
        window.advance(now);
        readAt = now;
        inARow = 0;
        callsAtReading = counted();
      };
      for (const { gap, failed, slow, isWatched } of calls) {
        now += gap;
        if (isWatched) read(); // the statistics are always as of now
        if (isWatched) expect(window.calls).toBe(callsAtReading);
        const mayBeUnread = !failed && !slow && inARow < Math.min(15, Math.floor(callsAtReading / 64));
        const isRead = failed || slow || window.needsReading();
        if (isRead === mayBeUnread) expect(isRead).toBe(!mayBeUnread);
        if (isRead) read();
        else inARow++;
        unread += isRead ? 0 : 1;
        window.record(failed, slow);
        countedAt.push(readAt);
        if (window.calls !== counted()) expect(window.calls).toBe(counted());
      }
    }),
    { numRuns: runs(30) },
  );
  expect(unread).toBeGreaterThan(1000);
});

it('a count window contains exactly the last calls', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.array(fc.record({ failed: fc.boolean(), slow: fc.boolean(), clear: fc.nat(30) }), { maxLength: 200 }),
      (size, calls) => {
        const window = countWindow(size);
        let recorded: typeof calls = [];
        for (const call of calls) {
          if (call.clear === 0) {
            window.clear();
            recorded = [];
          }
          window.record(call.failed, call.slow);
          recorded = [...recorded, call].slice(-size);
          expect(window.calls).toBe(recorded.length);
          expect(window.failures).toBe(recorded.filter(({ failed }) => failed).length);
          expect(window.slow).toBe(recorded.filter(({ slow }) => slow).length);
        }
      },
    ),
    { numRuns: runs(500) },
  );
});
