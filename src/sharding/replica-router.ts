import { toMs } from '../core/duration.js';
import { InvalidOptionError, NoHealthyNodeError } from '../core/errors.js';
import { Emitter, type Observable } from '../core/events.js';
import { checkOneOf } from '../core/options.js';
import { checkEpoch, LogHistory } from './log-position.js';
import { ReplicaNode, type ReplicaReport, type ReplicaState, readReport } from './replica-node.js';
import {
  type Consistency,
  type ForReadOptions,
  type ReplicaRouterEvents,
  type ReplicaRouterOptions,
  type ReplicaSettings,
  readReplicaOptions,
} from './replica-options.js';
import {
  type ReplicaRoute,
  type ReplicaSession,
  type ReplicaSessionToken,
  type SessionClocks,
  type SessionMark,
  SessionMarks,
} from './replica-session.js';
import { checkIterable } from './shard-router.js';

export interface ReplicaRouter extends Observable<ReplicaRouterEvents> {
  /** Counts the primaries: it only grows, and in one epoch there is only one. */
  readonly epoch: number;
  readonly primary: string;
  /** All nodes, for a dashboard; the order is that of the options. */
  readonly nodes: readonly ReplicaState[];
  /** The primary. @throws NoHealthyNodeError while it is down. */
  forWrite(): ReplicaRoute;
  /** A node that is as fresh as asked for. @throws NoHealthyNodeError when there is none. */
  forRead(options?: ForReadOptions): ReplicaRoute;
  /** What one user has written and seen: a new session, or that of a token. @throws InvalidOptionError for what is no token. */
  session(token?: ReplicaSessionToken): ReplicaSession;
  /**
   * Takes in what a node says of itself.
   * @returns false when it is not taken: it is of another epoch than the present one, of a node that is down, or older than
   * what is known, or than the time when the node came back.
   */
  report(node: string, report: ReplicaReport): boolean;
  /** A node that does not answer: it gets nothing, and what it has reported is forgotten. A primary is not replaced by this. */
  markDown(node: string): void;
  /** It answers again. What it is fit for is known with its next report. */
  markUp(node: string): void;
  /**
   * Promotes the replica that loses least, and retires the primary of that epoch. Does nothing when the epoch has passed,
   * so that of several who have seen one primary fail only the first replaces it.
   * @returns the primary by now, as `forWrite` tells it.
   * @throws NoHealthyNodeError when there is no replica to promote.
   */
  failover(seen: { readonly epoch: number }): ReplicaRoute;
  /**
   * Takes over what an outside coordinator has decided.
   * @returns whether it holds now: false for an epoch that has passed, or that has another primary.
   */
  adopt(decision: { readonly primary: string; readonly epoch: number }): boolean;
  /** Whether a write of that epoch may still be accepted: to be asked where it is stored, not where it was sent. */
  isCurrent(epoch: number): boolean;
}

/**
 * Sends writes to the primary, and each read to a replica that is fresh enough for it.
 *
 * Nothing is asked: you `report` how far each node is, and the router reckons with what that proves. A node that was 2 s
 * behind when it was asked 3 s ago may be 5 s behind by now; one that has reached a position of the log has all before it.
 * Among the nodes that are fit the fresher of two drawn at random is taken: fresh ones have more of the reads, and none has
 * all. Where none is fit, the primary is: it always is.
 *
 * **Failover.** Each primary has an epoch of its own, and writes carry it. `failover({ epoch })` begins the next one. A
 * primary that was cut off may not know that it was replaced; the store must refuse what it still writes, by asking
 * `isCurrent`, or by remembering the highest epoch it has seen (Kleppmann, "How to do distributed locking", 2016). By itself
 * this is the view of one process: with several, one coordinator decides, and all `adopt` it.
 *
 * **What a failover loses.** Replication lags, so the new primary may lack what the old one had last. Positions are
 * therefore those of an epoch: what a session has seen of an earlier one is trusted on replicas only up to where the new
 * primary was known to be. Beyond that it may be lost, and the session reads from the primary.
 *
 * O(nodes) a read. No timer. Session guarantees: Terry and others, "Session Guarantees for Weakly Consistent Replicated
 * Data", 1994. Two choices: Mitzenmacher, 2001.
 *
 * @throws InvalidOptionError for options that cannot work.
 * @example
 * ```ts
 * const router = replicaRouter({ primary: 'db-1', replicas: ['db-2', 'db-3'] });
 * router.report('db-2', { epoch: router.epoch, lag: '80ms' });
 * console.log(router.forWrite().node, router.forRead({ consistency: { maxLag: '1s' } }).node); // db-1 db-2
 * ```
 */
export function replicaRouter(options: ReplicaRouterOptions): ReplicaRouter {
  return new Router(options);
}

class Router implements ReplicaRouter {
  readonly #settings: ReplicaSettings;
  readonly #clocks: SessionClocks;
  readonly #nodes: ReadonlyMap<string, ReplicaNode>;
  readonly #history: LogHistory;
  readonly #events = new Emitter<ReplicaRouterEvents>();
  #primary: ReplicaNode;

  constructor(options: ReplicaRouterOptions) {
    const settings = readReplicaOptions(options);
    const { clock, wallNow, names, epoch, reportMaxAgeMs } = settings;
    this.#settings = settings;
    this.#clocks = { now: () => clock.now(), wallNow };
    this.#nodes = new Map(names.map((name) => [name, new ReplicaNode(name, reportMaxAgeMs)]));
    this.#primary = this.#node(names[0] as string);
    this.#history = new LogHistory(epoch);
  }

  get epoch(): number {
    return this.#history.epoch;
  }

  get primary(): string {
    return this.#primary.name;
  }

  get nodes(): readonly ReplicaState[] {
    const now = this.#clocks.now();
    const { epoch } = this;
    return Array.from(this.#nodes.values(), (node) => ({
      node: node.name,
      role: node === this.#primary ? 'primary' : node.takesPart(epoch, now) ? 'replica' : 'retired',
      isUp: node.isUp,
      lagMs: node === this.#primary ? 0 : node.lagMs(epoch, now),
      position: node.positionIn(epoch),
    }));
  }

  on<E extends keyof ReplicaRouterEvents>(type: E, listener: (event: ReplicaRouterEvents[E]) => void): () => void {
    return this.#events.on(type, listener);
  }

  forWrite(): ReplicaRoute {
    if (!this.#primary.isUp) this.#refuse();
    return this.#toPrimary();
  }

  forRead({ consistency = 'strong', session, exclude = [] }: ForReadOptions = {}): ReplicaRoute {
    const { owner, fallsBack } = this.#settings;
    const now = this.#clocks.now();
    const isFit = this.#fitness(consistency, session, now);
    const excluded = new Set(checkIterable(owner, 'exclude', exclude));
    const replicas = this.#replicas(now).filter((node) => !excluded.has(node.name) && isFit(node));
    if (replicas.length > 0) return this.#toFresherOfTwo(replicas, now);
    const isAllowed = fallsBack || consistency === 'strong';
    if (!isAllowed || !this.#primary.isUp || excluded.has(this.#primary.name)) this.#refuse();
    return this.#toPrimary();
  }

  session(token?: ReplicaSessionToken): ReplicaSession {
    return token === undefined ? new SessionMarks(this.#clocks) : SessionMarks.from(token, this.#clocks);
  }

  report(node: string, report: ReplicaReport): boolean {
    const known = readReport(this.#settings.owner, report, this.#clocks.now());
    return this.#node(node).take(known, this.epoch);
  }

  markDown(node: string): void {
    if (this.#node(node).setUp(false, this.#clocks.now())) this.#events.emit('nodeDown', { node });
  }

  markUp(node: string): void {
    if (this.#node(node).setUp(true, this.#clocks.now())) this.#events.emit('nodeUp', { node });
  }

  failover(seen: { readonly epoch: number }): ReplicaRoute {
    if (checkEpoch(this.#settings.owner, 'epoch', seen?.epoch) === this.epoch) {
      const [first, ...others] = this.#replicas(this.#clocks.now());
      if (first === undefined) this.#refuse();
      const freshest = others.reduce((best, node) => (node.isFresherThan(best) ? node : best), first);
      this.#begin(this.epoch + 1, freshest, 'failover');
    }
    return this.#toPrimary();
  }

  adopt(decision: { readonly primary: string; readonly epoch: number }): boolean {
    const epoch = checkEpoch(this.#settings.owner, 'epoch', decision?.epoch);
    const primary = this.#node(decision.primary);
    if (epoch > this.epoch) this.#begin(epoch, primary, 'adopted');
    return this.epoch === epoch && this.#primary === primary;
  }

  isCurrent(epoch: number): boolean {
    return epoch === this.epoch;
  }

  /** The one change of state: another epoch, whose primary may be another one. */
  #begin(epoch: number, next: ReplicaNode, reason: ReplicaRouterEvents['failover']['reason']): void {
    const now = this.#clocks.now();
    const last = this.#primary;
    for (const node of this.#nodes.values()) if (node.takesPart(this.epoch, now)) node.setOut(undefined);
    if (last !== next) last.setOut(now + this.#settings.cooldownMs);
    next.setOut(undefined);
    this.#history.advance(epoch, next.positionIn(this.epoch));
    this.#primary = next;
    this.#events.emit('failover', { from: last.name, to: next.name, epoch, reason });
  }

  /** Those that may be read from, or promoted. */
  #replicas(now: number): ReplicaNode[] {
    const all = [...this.#nodes.values()];
    return all.filter((node) => node !== this.#primary && node.isUp && node.takesPart(this.epoch, now));
  }

  /** Which replicas are fresh enough. The primary always is. */
  #fitness(consistency: Consistency, session: ReplicaSession | undefined, now: number): (node: ReplicaNode) => boolean {
    const { owner } = this.#settings;
    const { epoch } = this;
    if (typeof consistency === 'object' && consistency !== null) {
      const maxLagMs = toMs(owner, 'maxLag', consistency.maxLag);
      return (node) => (node.lagMs(epoch, now) ?? Infinity) <= maxLagMs;
    }
    switch (checkOneOf(owner, 'consistency', consistency, LEVELS)) {
      case 'strong':
        return () => false;
      case 'eventual':
        return () => true;
      case 'monotonic':
        return this.#having(this.#marksOf(session).seen, now);
      case 'read-your-writes':
        return this.#having(this.#marksOf(session).written, now);
    }
  }

  /** Which replicas are known to have all that is marked. */
  #having({ log, at }: SessionMark, now: number): (node: ReplicaNode) => boolean {
    const { epoch } = this;
    const isSticky = at !== undefined && now - at < this.#settings.stickyMs;
    if (log !== undefined && !this.#history.has(log)) return () => false;
    return (node) =>
      (log === undefined || node.hasReached(log.position, epoch, now)) &&
      (!isSticky || now - (node.lagMs(epoch, now) ?? Infinity) > at); // not both within one tick of the clock
  }

  #marksOf(session: ReplicaSession | undefined): SessionMarks {
    if (session instanceof SessionMarks && session.clocks === this.#clocks) return session;
    throw new InvalidOptionError(this.#settings.owner, 'session', 'must be a session of this router', session);
  }

  /** The two may be the same, so that no node that is fit is left without reads, not even the last of two. */
  #toFresherOfTwo(nodes: readonly ReplicaNode[], now: number): ReplicaRoute {
    const { epoch } = this;
    const draw = () => nodes[Math.floor(this.#settings.random() * nodes.length)] as ReplicaNode;
    const [one, other] = [draw(), draw()];
    const lagOf = (node: ReplicaNode) => node.lagMs(epoch, now) ?? Infinity;
    const node = lagOf(other) < lagOf(one) ? other : one;
    return { node: node.name, epoch, role: 'replica', lagMs: node.lagMs(epoch, now) };
  }

  #toPrimary(): ReplicaRoute {
    return { node: this.#primary.name, epoch: this.epoch, role: 'primary', lagMs: 0 };
  }

  #node(name: string): ReplicaNode {
    const node = this.#nodes.get(name);
    if (node !== undefined) return node;
    throw new InvalidOptionError(this.#settings.owner, 'node', `must be one of ${[...this.#nodes.keys()]}`, name);
  }

  #refuse(): never {
    throw new NoHealthyNodeError({ policy: this.#settings.owner });
  }
}

const LEVELS = ['strong', 'read-your-writes', 'monotonic', 'eventual'] as const;
