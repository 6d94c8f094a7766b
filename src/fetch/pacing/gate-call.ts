import type { Clock } from '../../core/clock.js';
import type { Random } from '../../core/random.js';
import type { GiveUpReason } from '../../retry/events.js';

/** The pause after a refusal without `Retry-After` in milliseconds, doubled with each further refusal in a row. */
const DEFAULT_PAUSE_MS = 1000;
/** The shortest pause in milliseconds, doubled in the same way. */
const MIN_PAUSE_MS = 100;
/** A call that passes the gate. */
export interface GateCall {
  /** The position among all calls. */
  readonly arrival: number;
  /** The time from which on it is too late for a response. */
  readonly latest: number;
  /** The epoch in which the call was sent; -1 while it is not in flight. */
  epoch: number;
  /** The time at which the call was sent. */
  sentAt: number;
  /** Ends the wait: with undefined the call is sent, with a reason it ends. */
  proceed(stop: GiveUpReason | undefined): void;
}

/** The settings that the gates of all keys share. */
export interface GateSettings {
  readonly clock: Clock;
  readonly random: Random;
  /** The longest time without any request, in milliseconds: an announced pause may be mistaken or hostile. */
  readonly maxPauseMs: number;
  /** The longest `Retry-After` that calls wait for, in milliseconds. */
  readonly maxRetryAfterMs: number;
  /** Returns the milliseconds until the server admits a request by what it has announced; 0 if it does. */
  announcedMs(key: string): number;
}

/** Returns the index of a call in a line that is in the order of arrival: its own, or the one to insert it at. */
export function placeOf({ arrival }: GateCall, line: readonly GateCall[]): number {
  let low = 0;
  let high = line.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((line[middle] as GateCall).arrival < arrival) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Returns the pause after a refusal, in milliseconds. @param refusals - those in a row without a success before it. */
export function pauseOf(announcedMs: number | undefined, refusals: number): number {
  const growth = 2 ** refusals;
  return announcedMs === undefined
    ? DEFAULT_PAUSE_MS * Math.max(1, growth / 2)
    : Math.max(announcedMs, MIN_PAUSE_MS * growth);
}
