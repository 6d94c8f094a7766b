import { InvalidOptionError } from '../core/errors.js';
import { checkInteger } from '../core/options.js';

/**
 * A position in the primary's log, such as an LSN or a sequence number: a bigint ≥ 0, or an integer from 0 to 2⁵³ - 1.
 */
export type LogPosition = number | bigint;

/**
 * A position in the log of an epoch. A failover starts a new log, which agrees with the old one up to some position.
 */
export interface LogMark {
  readonly epoch: number;
  readonly position: LogPosition;
}

/** Checks an epoch: an integer from 0 to 2⁴⁸ - 1. */
export function checkEpoch(owner: string, option: string, epoch: unknown): number {
  return checkInteger(owner, option, epoch, { min: 0, max: 0xffff_ffff_ffff });
}

/** Checks a log position. */
export function checkPosition(owner: string, option: string, position: unknown): LogPosition {
  if (typeof position === 'bigint' && position >= 0n) return position;
  if (typeof position === 'number' && Number.isSafeInteger(position) && position >= 0) return position;
  throw new InvalidOptionError(owner, option, 'must be a bigint ≥ 0 or an integer from 0 to 2^53 - 1', position);
}

/** The number of past failovers for which positions can be compared. Each one is stored as two numbers. */
const FORKS_KEPT = 16;

/** The current epoch, and how much of the logs of earlier epochs the current log contains. */
export class LogHistory {
  #epoch: number;
  /** For each epoch, the position up to which its log is known to agree with the log of the previous epoch. */
  readonly #sharedUpTo = new Map<number, LogPosition>();

  constructor(epoch: number) {
    this.#epoch = epoch;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /**
   * Begins a new epoch.
   * @param shared - The position in the old log that the new primary is known to have reached; undefined if unknown.
   */
  advance(epoch: number, shared: LogPosition | undefined): void {
    if (shared === undefined || epoch !== this.#epoch + 1) this.#sharedUpTo.clear();
    else this.#sharedUpTo.set(epoch, shared);
    this.#epoch = epoch;
    this.#sharedUpTo.delete(epoch - FORKS_KEPT);
  }

  /** Whether a position of an earlier epoch is known to be part of the current log. */
  has({ epoch, position }: LogMark): boolean {
    if (epoch > this.#epoch) return false;
    for (let next = epoch + 1; next <= this.#epoch; next++) {
      const shared = this.#sharedUpTo.get(next);
      if (shared === undefined || shared < position) return false;
    }
    return true;
  }
}
