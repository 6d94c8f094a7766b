import { InvalidOptionError } from '../core/errors.js';
import { checkNumber, readOptions } from '../core/options.js';
import { checkEpoch, checkPosition, type LogMark, type LogPosition } from './log-position.js';

/** Where a read or a write is to go. */
export interface ReplicaRoute {
  readonly node: string;
  /** The epoch it was decided in: pass it on with a write, so that whoever stores it can refuse an old one. */
  readonly epoch: number;
  readonly role: 'primary' | 'replica';
  /** How far behind the node may be, in milliseconds: 0 for the primary, undefined when it is not known. */
  readonly lagMs: number | undefined;
}

/** What one user has written and seen. Not to be shared by users, nor by routers. */
export interface ReplicaSession {
  /**
   * To be called when a write has been made.
   * @param position - of the log after the write. Without it, the time counts.
   */
  wrote(route: Pick<ReplicaRoute, 'epoch'>, position?: LogPosition): void;
  /**
   * To be called when something was read.
   * @param position - how far the node was, asked of it with the read or after it: it must not be less than what was
   * seen. Without it, the time counts.
   */
  read(route: Pick<ReplicaRoute, 'epoch'>, position?: LogPosition): void;
  /** The session as plain data, for a cookie or a header; `router.session(token)` is the way back. */
  toJSON(): ReplicaSessionToken;
}

export interface ReplicaSessionToken {
  readonly version: 1;
  readonly wrote?: MarkToken | undefined;
  readonly read?: MarkToken | undefined;
}

/** What must be there: up to a position of an epoch's log, or up to a time, or both. */
export interface MarkToken {
  readonly epoch?: number | undefined;
  /** In decimal digits. */
  readonly position?: string | undefined;
  /** By the wall clock, in milliseconds since 1970. */
  readonly at?: number | undefined;
}

/** The clocks a session goes by: its own, and for tokens, which travel between machines, that on the wall. */
export interface SessionClocks {
  now(): number;
  wallNow(): number;
}

const ROUTER = 'replicaRouter';

/** What a session has written, or what it has read. */
export class SessionMark {
  readonly #clocks: SessionClocks;
  /** Of what came with a position, the last in the log. */
  log: LogMark | undefined = undefined;
  /** Of what came without one, the last in time. */
  at: number | undefined = undefined;

  constructor(clocks: SessionClocks) {
    this.#clocks = clocks;
  }

  note(route: Pick<ReplicaRoute, 'epoch'>, position: LogPosition | undefined): void {
    const epoch = checkEpoch(ROUTER, 'route.epoch', route?.epoch);
    if (position === undefined) this.at = this.#clocks.now();
    else this.#noteLog({ epoch, position: checkPosition(ROUTER, 'position', position) });
  }

  /** Whatever is left of an earlier epoch's log comes before all that is new in a later one. */
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
      // Rounded up: later is stricter.
      ...(at !== undefined && { at: Math.ceil(this.#clocks.wallNow() - (this.#clocks.now() - at)) }),
    };
  }

  /** Anybody may have written the token: what is not in shape is refused, and nothing is ever in the future. */
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

/** Enough for 64 bits; reading a million digits would take a while. */
function readDigits(option: string, digits: unknown): bigint {
  if (typeof digits === 'string' && /^\d{1,20}$/.test(digits)) return BigInt(digits);
  throw new InvalidOptionError(ROUTER, option, 'must be a string of 1 to 20 digits', digits);
}

export class SessionMarks implements ReplicaSession {
  /** Those of its router, and so what tells routers apart. */
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
