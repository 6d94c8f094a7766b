import { type CallContext, type Hedge, type HedgeOptions, hedge, type Operation } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { type Deferred, defer } from '../support/promises.js';

/** A run of an operation that the test settles. */
export interface ManualRun extends Deferred<unknown> {
  readonly context: CallContext;
}

/** An operation whose runs the test settles. It notices no abort, unless its signal is passed on. */
export function manualOperation(): { readonly runs: ManualRun[]; readonly operation: Operation } {
  const runs: ManualRun[] = [];
  const operation: Operation = (context) => {
    const run = { ...defer(), context };
    runs.push(run);
    return run.promise;
  };
  return { runs, operation };
}

/** An operation whose runs take these times in turn, in milliseconds; a negative time fails after its absolute value. */
export function timedOperation(clock: TestClock, ...durationsMs: readonly number[]) {
  const started: { readonly at: number; readonly attempt: number; readonly hedge: number }[] = [];
  const aborted: number[] = [];
  const operation = ({ attempt, hedge: number, signal }: CallContext): Promise<string> => {
    const index = started.length;
    started.push({ at: clock.now(), attempt, hedge: number });
    const ms = durationsMs[index % durationsMs.length] as number;
    return new Promise((resolve, reject) => {
      const timer = clock.setTimeout(
        () => (ms < 0 ? reject(new Error(`run ${index} has failed`)) : resolve(`run ${index}`)),
        Math.abs(ms),
      );
      signal.addEventListener('abort', () => {
        aborted.push(index);
        clock.clearTimeout(timer);
        reject(signal.reason);
      });
    });
  };
  return { operation, started, aborted };
}

/** A hedge on a test clock. Its cap does not matter in a test with few calls: ten hedges are always allowed. */
export function fixture(options?: HedgeOptions): { clock: TestClock; policy: Hedge; log: string[] } {
  const clock = new TestClock();
  const policy = hedge({ delay: 100, clock, ...options });
  const log: string[] = [];
  policy.on('hedge', ({ attempt, hedge: number, reason, delayMs }) =>
    log.push(`hedge ${attempt}.${number} after ${delayMs} ms because of ${reason}`),
  );
  policy.on('win', ({ attempt, hedge: number }) => log.push(`win ${attempt}.${number}`));
  policy.on('skip', ({ attempt, reason }) => log.push(`skip ${attempt} because of ${reason}`));
  return { clock, policy, log };
}
