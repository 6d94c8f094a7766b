import { exponentialBackoff, retry } from 'breakwater/retry';
import { seededRandom } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { retry as reference } from '../../reference/retry.js';
import { Draw, SEEDS, STEPS } from './seeds.js';

/** A clock on which each wait is over at once, and is recorded. */
class RecordingClock {
  readonly waits: number[] = [];
  #now = 0;
  readonly now = (): number => this.#now;

  setTimeout(callback: () => void, ms: number): unknown {
    this.waits.push(ms);
    this.#now += ms;
    queueMicrotask(callback);
    return undefined;
  }

  clearTimeout(): void {}
}

it.each(SEEDS)('retry waits and ends as its reference does in 1,000 random attempts (seed %i)', async (seed) => {
  const draw = new Draw(seed);
  for (let attempts = 0; attempts < STEPS; ) {
    const maxAttempts = draw.integer(1, 8);
    const initialMs = draw.integer(1, 1000);
    const maxMs = initialMs * draw.integer(1, 20);
    const failures = draw.integer(0, maxAttempts + 1);
    const isRetryable = draw.chance(0.9);
    const abortsAt = draw.chance(0.1) ? draw.integer(1, failures) : undefined;
    type Execute = (operation: (attempt: number) => Promise<string>, signal: AbortSignal) => Promise<string>;
    const run = async (execute: Execute) => {
      const seen: number[] = [];
      const controller = new AbortController();
      const operation = async (attempt: number) => {
        seen.push(attempt);
        if (attempt > failures) return `value of attempt ${attempt}`;
        if (attempt === abortsAt) controller.abort(new Error('the caller has left'));
        throw new Error(`failure ${attempt}`);
      };
      const end = await execute(operation, controller.signal).catch((error: Error) => error.message);
      return { seen, end };
    };

    const waits: number[] = [];
    const theirs = await run((operation, signal) =>
      reference(operation, {
        ...{ maxAttempts, initialMs, maxMs, signal, isRetryable: () => isRetryable, random: seededRandom(seed) },
        sleep: async (ms) => void waits.push(ms),
      }),
    );
    const clock = new RecordingClock();
    const policy = retry({
      ...{ maxAttempts, clock, random: seededRandom(seed) },
      backoff: exponentialBackoff({ initial: initialMs, max: maxMs }),
      classify: ({ ok }) => (ok ? 'success' : isRetryable ? 'failure' : 'permanent'),
    });
    const ours = await run((operation, signal) => policy.execute(({ attempt }) => operation(attempt), { signal }));
    expect({ ...ours, waits: clock.waits }).toEqual({ ...theirs, waits });
    attempts += theirs.seen.length;
  }
});
