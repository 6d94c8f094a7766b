import { InvalidOptionError } from '../core/errors.js';
import { checkInteger } from '../core/options.js';

/** How far into the primary's log: an LSN, a sequence number. A bigint, or an integer from 0 to 2⁵³ - 1. */
export type LogPosition = number | bigint;

/** A place in a log. After a failover there is another log, that agrees with the old one up to somewhere. */
export interface LogMark {
  readonly epoch: number;
  readonly position: LogPosition;
}

export function checkEpoch(owner: string, option: string, epoch: unknown): number {
  return checkInteger(owner, option, epoch, { min: 0, max: 0xffff_ffff_ffff });
}

export function checkPosition(owner: string, option: string, position: unknown): LogPosition {
  if (typeof position === 'bigint' && position >= 0n) return position;
  if (typeof position === 'number' && Number.isSafeInteger(position) && position >= 0) return position;
  throw new InvalidOptionError(owner, option, 'must be a bigint ≥ 0 or an integer from 0 to 2^53 - 1', position);
}

/** How many failovers back positions are understood. Each one makes a pair of numbers. */
const FORKS_KEPT = 16;

/** The present epoch, and how much of the logs of earlier ones is in its own. */
export class LogHistory {
  #epoch: number;
  /** For each epoch, up to where its log is known to agree with that of the epoch before. */
  readonly #sharedUpTo = new Map<number, LogPosition>();

  constructor(epoch: number) {
    this.#epoch = epoch;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** @param shared - what the new primary is known to have had of the log of the present epoch, if anything is. */
  advance(epoch: number, shared: LogPosition | undefined): void {
    if (shared === undefined || epoch !== this.#epoch + 1) this.#sharedUpTo.clear();
    else this.#sharedUpTo.set(epoch, shared);
    this.#epoch = epoch;
    this.#sharedUpTo.delete(epoch - FORKS_KEPT);
  }

  /** Whether what was there in that epoch is known to be in the present log, in the same place. */
  has({ epoch, position }: LogMark): boolean {
    if (epoch > this.#epoch) return false;
    for (let next = epoch + 1; next <= this.#epoch; next++) {
      const shared = this.#sharedUpTo.get(next);
      if (shared === undefined || shared < position) return false;
    }
    return true;
  }
}
