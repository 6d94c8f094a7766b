import type { AttemptRecord, CallTrace } from './result.js';
import type { Fate } from './simulated-server.js';
import type { AttemptTrace } from './world.js';

/** The largest number of traced calls. */
const MAX_CALLS = 10_000;

interface OpenTrace {
  readonly index: number;
  readonly at: number;
  endedAt: number | undefined;
  outcome: CallTrace['outcome'];
  readonly attempts: { -readonly [K in keyof AttemptRecord]: AttemptRecord[K] }[];
}

/** Records the calls of a replayed run with their attempts. */
export class CallTraces {
  readonly #calls: OpenTrace[] = [];

  /** Returns the trace of a new call; undefined if enough calls are recorded. */
  begin(index: number, at: number): AttemptTrace | undefined {
    if (this.#calls.length === MAX_CALLS) return undefined;
    const call: OpenTrace = { index, at, endedAt: undefined, outcome: 'pending', attempts: [] };
    this.#calls.push(call);
    return {
      onSend(server, sentAt) {
        return call.attempts.push({ server, at: sentAt, endedAt: undefined, answer: undefined }) - 1;
      },
      onAnswer(attempt, answer: Fate, endedAt) {
        Object.assign(call.attempts[attempt] as object, { answer, endedAt });
      },
    };
  }

  end(index: number, outcome: CallTrace['outcome'], endedAt: number): void {
    const call = this.#calls[index];
    if (call !== undefined) Object.assign(call, { outcome, endedAt });
  }

  get calls(): readonly CallTrace[] {
    return this.#calls;
  }
}
