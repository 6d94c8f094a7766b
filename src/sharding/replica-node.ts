import { type Duration, toMs } from '../core/duration.js';
import { checkNumber, readOptions } from '../core/options.js';
import { checkEpoch, checkPosition, type LogPosition } from './log-position.js';

/** The state that a node reports. */
export interface ReplicaReport {
  /** The epoch that the node follows. If the node does not know it: the router's epoch before the node was asked. */
  readonly epoch: number;
  /** The replication lag behind the primary: ≥ 0, in milliseconds or as a duration. @defaultValue unknown */
  readonly lag?: Duration | undefined;
  /** The log position that the node has reached. @defaultValue unknown */
  readonly position?: LogPosition | undefined;
  /** The time when the node was asked, on the router's clock. The report ages from this time on. @defaultValue now */
  readonly at?: number | undefined;
}

/** The state of a node, for example for a dashboard. */
export interface ReplicaState {
  /** The name of the node. */
  readonly node: string;
  /** 'retired' is a former primary that is not used until it is known to follow the current primary. */
  readonly role: 'primary' | 'replica' | 'retired';
  /** Whether the node is not marked as down. */
  readonly isUp: boolean;
  /** The maximum lag that the node may have now, in milliseconds; undefined if it is unknown. */
  readonly lagMs: number | undefined;
  /** The position that was last reported in this epoch. */
  readonly position: LogPosition | undefined;
}

/** A checked report. */
interface Known {
  readonly epoch: number;
  readonly lagMs: number | undefined;
  readonly position: LogPosition | undefined;
  readonly at: number;
}

/** Checks a report. */
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

/** The known state of one node. The node is at least that fresh: it can only have progressed since its report. */
export class ReplicaNode {
  readonly name: string;
  readonly #reportMaxAgeMs: number;
  #isUp = true;
  /**
   * The time when the node came back. Earlier reports are void, because the node may have been rebuilt from a backup.
   */
  #upSince = -Infinity;
  #last: Known | undefined;
  /** For a former primary, the time until which it is not used in any case. */
  #outUntil: number | undefined;

  constructor(name: string, reportMaxAgeMs: number) {
    this.name = name;
    this.#reportMaxAgeMs = reportMaxAgeMs;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Sets whether the node is up. @returns Whether this is a change. */
  setUp(isUp: boolean, now: number): boolean {
    if (isUp === this.#isUp) return false;
    this.#isUp = isUp;
    this.#last = undefined;
    this.#upSince = now;
    return true;
  }

  /** Stores a report. Reports may arrive out of order, so an older one is ignored. @returns Whether it was stored. */
  take(report: Known, epoch: number): boolean {
    const isOvertaken = this.#last?.epoch === epoch && this.#last.at > report.at;
    if (report.epoch !== epoch || isOvertaken || report.at < this.#upSince || !this.#isUp) return false;
    this.#last = report;
    return true;
  }

  /**
   * Whether the node is in use: it was not replaced as primary, or its cooldown has ended and it follows this epoch.
   */
  takesPart(epoch: number, now: number): boolean {
    return this.#outUntil === undefined || (now >= this.#outUntil && this.#last?.epoch === epoch);
  }

  /** Sets the end of the cooldown, or undefined for none. Must be called before the epoch changes. */
  setOut(until: number | undefined): void {
    this.#outUntil = until;
  }

  /** Returns the last report if it is of this epoch and not too old. */
  #current(epoch: number, now: number): Known | undefined {
    const last = this.#last;
    return last?.epoch === epoch && now - last.at <= this.#reportMaxAgeMs ? last : undefined;
  }

  /** Returns the maximum current lag in milliseconds: the reported lag plus the time since the report. */
  lagMs(epoch: number, now: number): number | undefined {
    const known = this.#current(epoch, now);
    return known?.lagMs === undefined ? undefined : known.lagMs + (now - known.at);
  }

  /** Whether the node is known to have reached a position. */
  hasReached(position: LogPosition, epoch: number, now: number): boolean {
    const known = this.#current(epoch, now)?.position;
    return known !== undefined && known >= position;
  }

  /** Returns the position that was last reported in this epoch, regardless of its age. */
  positionIn(epoch: number): LogPosition | undefined {
    return this.#last?.epoch === epoch ? this.#last.position : undefined;
  }

  /**
   * Whether promoting this node would lose less data. Compares the last reports of any age, as there may be no newer.
   */
  isFresherThan(other: ReplicaNode): boolean {
    const [own, others] = [this.#last, other.#last];
    return (
      (compareKnown(own?.epoch, others?.epoch) ||
        compareKnown(own?.position, others?.position) ||
        compareKnown(asOf(own), asOf(others)) ||
        (this.name < other.name ? 1 : -1)) > 0
    );
  }
}

/** Returns the time up to which the node had all changes. */
const asOf = (known: Known | undefined): number | undefined =>
  known?.lagMs === undefined ? undefined : known.at - known.lagMs;

/** Compares two values. A known value is greater than an unknown one. */
function compareKnown(a: LogPosition | undefined, b: LogPosition | undefined): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  return Number(a > b) - Number(a < b);
}
