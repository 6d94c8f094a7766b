import { hedge } from 'breakwater/hedge';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { Hedger } from '../../reference/hedge.js';
import { Draw, SEEDS, STEPS } from './seeds.js';

/** Longer than the window of the cap, which allows ten hedges without any other call. */
const GAP_MS = 11_000;

/** What has become of a call, and when. */
interface Observed {
  readonly starts: [hedge: number, at: number][];
  readonly aborts: [hedge: number, at: number][];
  end?: [text: string, at: number];
}

it.each(SEEDS)(
  'hedge starts, ends and aborts runs when its reference does in 500 random calls (seed %i)',
  async (seed) => {
    const draw = new Draw(seed);
    const clock = new TestClock();
    for (let call = 1; call <= STEPS / 2; call++) {
      const maxHedges = draw.integer(1, 4);
      const delayMs = 10 * draw.integer(1, 10);
      // No two runs end at the same time, and none when a delay is over.
      const runs = Array.from({ length: 5 }, (_, index) => ({
        ms: 10 * draw.integer(1, 40) + index + 1,
        fails: draw.chance(0.5),
      }));
      const observe = (
        execute: (operation: (signal: AbortSignal, hedge: number) => Promise<string>) => Promise<string>,
      ) => {
        const observed: Observed = { starts: [], aborts: [] };
        const end = (text: string) => Object.assign(observed, { end: [text, clock.now()] });
        execute((signal, number) => {
          observed.starts.push([number, clock.now()]);
          signal.addEventListener('abort', () => observed.aborts.push([number, clock.now()]));
          const { ms, fails } = runs[number]!;
          return new Promise((resolve, reject) => {
            clock.setTimeout(() => (fails ? reject(new Error(`failure ${number}`)) : resolve(`value ${number}`)), ms);
          });
        }).then(end, (error: Error) => end(error.message));
        return observed;
      };
      const reference = new Hedger({ delayMs, maxHedges, maxRatio: Infinity, timers: clock });
      const policy = hedge({ delay: delayMs, maxHedges, clock });
      const ours = observe((operation) => policy.execute(({ signal, hedge: number }) => operation(signal, number)));
      const theirs = observe((operation) => reference.execute(operation));
      await clock.advance(GAP_MS);
      expect(ours).toEqual(theirs);
      expect(ours.end).toBeDefined();
    }
    expect(clock.pendingTimers).toBe(0);
  },
);
