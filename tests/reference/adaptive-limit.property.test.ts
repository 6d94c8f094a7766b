import type { Outcome } from 'breakwater';
import { adaptiveLimit } from 'breakwater/overload';
import { expect, it } from 'vitest';
import { AdaptiveLimit as Reference } from '../../reference/adaptive-limit.js';
import { ManualClock } from './manual-clock.js';
import { Draw, SEEDS } from './seeds.js';

const ANSWER: Outcome = { ok: true, value: 'answer' };
const OVERLOAD: Outcome = { ok: true, value: { status: 503 } };

/** Most windows have hundreds of calls, so a run is longer than that of other patterns. */
const STEPS = 30_000;

it.each(SEEDS)('adaptiveLimit has the limit of its reference in 30,000 random steps (seed %i)', (seed) => {
  const draw = new Draw(seed);
  const clock = new ManualClock();
  const initialLimit = draw.integer(1, 60);
  const limit = adaptiveLimit({ clock, initialLimit, maxLimit: 1_000_000 });
  const reference = new Reference(initialLimit);
  const reasons = new Set<string>();
  limit.on('limit', ({ reason }) => reasons.add(reason));
  /** The calls that are running, as functions that end them on both sides. */
  let running: (() => void)[] = [];
  let [arrivals, ends, gap, failing] = [0, 0, 1, 0];
  for (let step = 0; step < STEPS; step++) {
    if (step % 1500 === 0) {
      [arrivals, ends] = [draw.integer(1, 4), draw.from([1, 1, 2, 3])];
      [gap, failing] = [draw.from([0, 1, 2, 5, 40, 2000]), draw.from([0, 0, 0, 0.02, 0.3])];
    }
    clock.ms += draw.random() * gap;
    for (let i = 0; i < arrivals; i++) {
      const [permit, end] = [limit.tryAcquire(), reference.tryAcquire(clock.ms)];
      if ((permit === undefined) !== (end === undefined)) expect.unreachable(`only one has a slot in step ${step}`);
      if (permit === undefined || end === undefined) break;
      running.push(() => {
        const isOverload = draw.chance(failing);
        permit.release(isOverload ? OVERLOAD : ANSWER);
        end(clock.ms, isOverload);
      });
    }
    const served = running.slice(0, ends);
    running = running.slice(ends);
    for (const end of served) end();
    if (limit.limit !== reference.limit || limit.active !== reference.active) {
      expect([limit.limit, limit.active], `step ${step}`).toEqual([reference.limit, reference.active]);
    }
  }
  expect(limit.stats.baselineMs).toBeCloseTo(reference.baseline, 6);
  expect(reasons.size).toBeGreaterThan(1);
});
