import { type Duration, toMs } from '../core/duration.js';
import { checkNumber, readOptions } from '../core/options.js';
import { checkEpoch, checkPosition, type LogPosition } from './log-position.js';

/** What a node says of itself. */
export interface ReplicaReport {
  /** The epoch it follows, if it can tell; otherwise the router's epoch from before it was asked. */
  readonly epoch: number;
  /** How far behind the primary it is, in time. 0 allowed. @defaultValue not known */
  readonly lag?: Duration | undefined;
  /** How far into the log it is. @defaultValue not known */
  readonly position?: LogPosition | undefined;
  /** When it was asked, on the router's clock: what it says is from then on out of date. @defaultValue now */
  readonly at?: number | undefined;
}

/** One node, for a dashboard. */
export interface ReplicaState {
  readonly node: string;
  /** Retired: it was the primary, and is left alone until it is known to follow the present one. */
  readonly role: 'primary' | 'replica' | 'retired';
  readonly isUp: boolean;
  /** How far behind it may be by now, in milliseconds; undefined when that is not known. */
  readonly lagMs: number | undefined;
  /** As it was last reported in this epoch. */
  readonly position: LogPosition | undefined;
}

/** A report, checked. */
interface Known {
  readonly epoch: number;
  readonly lagMs: number | undefined;
  readonly position: LogPosition | undefined;
  readonly at: number;
}

export function readReport(owner: string, report: ReplicaReport, now: number): Known {
  const own = readOptions(
    owner,
    report,
    { epoch: undefined, lag: undefined, position: undefined, at: undefined },
    'report',
  );
  return {
    epoch: checkEpoch(owner, 'report.epoch', own.epoch),
    lagMs: own.lag === undefined ? undefined : toMs(owner, 'report.lag', own.lag, { orZero: true }),
    position: own.position === undefined ? undefined : checkPosition(owner, 'report.position', own.position),
    at: Math.min(now, own.at === undefined ? now : checkNumber(owner, 'report.at', own.at)),
  };
}

/** What is known of one node. It is at least that fresh: whatever it has done since its report only adds to it. */
export class ReplicaNode {
  readonly name: string;
  readonly #reportMaxAgeMs: number;
  #isUp = true;
  /** Since it came back: what it said before that is void, since it may be another one now, made from a backup. */
  #upSince = -Infinity;
  #last: Known | undefined;
  /** Since it was the primary and was replaced: until then it is out at least. */
  #outUntil: number | undefined;

  constructor(name: string, reportMaxAgeMs: number) {
    this.name = name;
    this.#reportMaxAgeMs = reportMaxAgeMs;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** @returns whether that is a change. */
  setUp(isUp: boolean, now: number): boolean {
    if (isUp === this.#isUp) return false;
    this.#isUp = isUp;
    this.#last = undefined;
    this.#upSince = now;
    return true;
  }

  /** Answers may overtake each other: one to an earlier question is not taken. */
  take(report: Known, epoch: number): boolean {
    const isOvertaken = this.#last?.epoch === epoch && this.#last.at > report.at;
    if (report.epoch !== epoch || isOvertaken || report.at < this.#upSince || !this.#isUp) return false;
    this.#last = report;
    return true;
  }

  /** Whether it takes part: it was not replaced, or has been seen to follow its successor and has cooled down. */
  takesPart(epoch: number, now: number): boolean {
    return this.#outUntil === undefined || (now >= this.#outUntil && this.#last?.epoch === epoch);
  }

  /** To be called in the epoch in which it was the primary, or has begun to take part again. */
  setOut(until: number | undefined): void {
    this.#outUntil = until;
  }

  /** What was reported in this epoch, if that is not too long ago. */
  #current(epoch: number, now: number): Known | undefined {
    const last = this.#last;
    return last?.epoch === epoch && now - last.at <= this.#reportMaxAgeMs ? last : undefined;
  }

  /** How far it may be behind by now: as far as it was, and all the time since. */
  lagMs(epoch: number, now: number): number | undefined {
    const known = this.#current(epoch, now);
    return known?.lagMs === undefined ? undefined : known.lagMs + (now - known.at);
  }

  hasReached(position: LogPosition, epoch: number, now: number): boolean {
    const known = this.#current(epoch, now)?.position;
    return known !== undefined && known >= position;
  }

  /** However long ago that was. */
  positionIn(epoch: number): LogPosition | undefined {
    return this.#last?.epoch === epoch ? this.#last.position : undefined;
  }

  /** Whether it would lose less if it were promoted. What it said last counts, however old: there may be nothing newer. */
  isFresherThan(other: ReplicaNode): boolean {
    const [mine, others] = [this.#last, other.#last];
    return (
      (compareKnown(mine?.epoch, others?.epoch) ||
        compareKnown(mine?.position, others?.position) ||
        compareKnown(asOf(mine), asOf(others)) ||
        (this.name < other.name ? 1 : -1)) > 0
    );
  }
}

/** Up to when it had everything. */
const asOf = (known: Known | undefined): number | undefined =>
  known?.lagMs === undefined ? undefined : known.at - known.lagMs;

/** What is known is better than what is not. */
function compareKnown(a: LogPosition | undefined, b: LogPosition | undefined): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  return Number(a > b) - Number(a < b);
}
