import { InvalidOptionError } from '../core/errors.js';
import { checkNumber, readOptions } from '../core/options.js';
import { checkEpoch, checkPosition, type LogMark, type LogPosition } from './log-position.js';

/** The target of a read or a write. */
export interface ReplicaRoute {
  /** The name of the node. */
  readonly node: string;
  /** The epoch of the decision. Send it with a write as a fencing token, so that the store can reject an old epoch. */
  readonly epoch: number;
  /** The role of the node. */
  readonly role: 'primary' | 'replica';
  /** The maximum lag of the node in milliseconds: 0 for the primary, undefined if it is unknown. */
  readonly lagMs: number | undefined;
}

/** The writes and reads of one user. A session must not be shared by users or by routers. */
export interface ReplicaSession {
  /**
   * Records a write. Must be called when the write has been made.
   * @param position - The log position after the write. Without it, the time of the call is used.
   */
  wrote(route: Pick<ReplicaRoute, 'epoch'>, position?: LogPosition): void;
  /**
   * Records a read. Must be called when the data has been read.
   * @param position - The log position of the node, requested together with the read or after it, so that it is not
   * lower than that of the data. Without it, the time of the call is used.
   */
  read(route: Pick<ReplicaRoute, 'epoch'>, position?: LogPosition): void;
  /** Returns the session as plain data, for a cookie or a header. `router.session(token)` restores it. */
  toJSON(): ReplicaSessionToken;
}

/** A session as plain data. */
export interface ReplicaSessionToken {
  readonly version: 1;
  readonly wrote?: MarkToken | undefined;
  readonly read?: MarkToken | undefined;
}

/** The data that a replica must have: up to a log position of an epoch, up to a time, or both. */
export interface MarkToken {
  /** The epoch of the position. */
  readonly epoch?: number | undefined;
  /** The log position in decimal digits. */
  readonly position?: string | undefined;
  /** The time in milliseconds since 1970. */
  readonly at?: number | undefined;
}

/** The clocks of a session: the router's clock, and the wall clock for tokens, which are passed between machines. */
export interface SessionClocks {
  now(): number;
  wallNow(): number;
}

const ROUTER = 'replicaRouter';

/** The last write or the last read of a session. */
export class SessionMark {
  readonly #clocks: SessionClocks;
  /** The latest log position that was recorded. */
  log: LogMark | undefined = undefined;
  /** The latest time that was recorded without a position. */
  at: number | undefined = undefined;

  constructor(clocks: SessionClocks) {
    this.#clocks = clocks;
  }

  /** Records a read or a write. */
  note(route: Pick<ReplicaRoute, 'epoch'>, position: LogPosition | undefined): void {
    const epoch = checkEpoch(ROUTER, 'route.epoch', route?.epoch);
    if (position === undefined) this.at = this.#clocks.now();
    else this.#noteLog({ epoch, position: checkPosition(ROUTER, 'position', position) });
  }

  /**
   * Records a log position if it is later. Positions of a later epoch are later than all positions of an earlier one.
   */
  #noteLog(mark: LogMark): void {
    const { log } = this;
    const isLater =
      log === undefined || mark.epoch > log.epoch || (mark.epoch === log.epoch && mark.position > log.position);
    if (isLater) this.log = mark;
  }

  toToken(): MarkToken | undefined {
    const { log, at } = this;
    if (log === undefined && at === undefined) return undefined;
    return {
      ...(log && { epoch: log.epoch, position: String(log.position) }),
      // Rounded up, because a later time is stricter.
      ...(at !== undefined && { at: Math.ceil(this.#clocks.wallNow() - (this.#clocks.now() - at)) }),
    };
  }

  /** Restores a mark from an untrusted token. Invalid values are rejected, and a time in the future becomes now. */
  restore(option: string, token: MarkToken): void {
    const own = readOptions(ROUTER, token, { epoch: undefined, position: undefined, at: undefined }, option);
    if (own.position !== undefined || own.epoch !== undefined) {
      const epoch = checkEpoch(ROUTER, `${option}.epoch`, own.epoch);
      this.log = { epoch, position: readDigits(`${option}.position`, own.position) };
    }
    if (own.at !== undefined) {
      const age = this.#clocks.wallNow() - checkNumber(ROUTER, `${option}.at`, own.at);
      this.at = this.#clocks.now() - Math.max(0, age);
    }
  }
}

/** Parses a position. 20 digits are enough for 64 bits; parsing a million digits would take too long. */
function readDigits(option: string, digits: unknown): bigint {
  if (typeof digits === 'string' && /^\d{1,20}$/.test(digits)) return BigInt(digits);
  throw new InvalidOptionError(ROUTER, option, 'must be a string of 1 to 20 digits', digits);
}

/** The implementation of `ReplicaSession`. */
export class SessionMarks implements ReplicaSession {
  /** The clocks of the router. They also identify the router that the session belongs to. */
  readonly clocks: SessionClocks;
  readonly written: SessionMark;
  readonly seen: SessionMark;

  constructor(clocks: SessionClocks) {
    this.clocks = clocks;
    this.written = new SessionMark(clocks);
    this.seen = new SessionMark(clocks);
  }

  static from(token: ReplicaSessionToken, clocks: SessionClocks): SessionMarks {
    const session = new SessionMarks(clocks);
    const own = readOptions(ROUTER, token, { version: undefined, wrote: undefined, read: undefined }, 'token');
    if (own.version !== 1) throw new InvalidOptionError(ROUTER, 'token.version', 'must be 1', own.version);
    if (own.wrote !== undefined) session.written.restore('token.wrote', own.wrote);
    if (own.read !== undefined) session.seen.restore('token.read', own.read);
    return session;
  }

  wrote(route: Pick<ReplicaRoute, 'epoch'>, position?: LogPosition): void {
    this.written.note(route, position);
  }

  read(route: Pick<ReplicaRoute, 'epoch'>, position?: LogPosition): void {
    this.seen.note(route, position);
  }

  toJSON(): ReplicaSessionToken {
    const [wrote, read] = [this.written.toToken(), this.seen.toToken()];
    return { version: 1, ...(wrote && { wrote }), ...(read && { read }) };
  }
}
