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

/** The types of events. */
const EVENTS = ['failover', 'nodeDown', 'nodeUp'] as const;

/** Routes reads and writes to a primary and its replicas. Created by `replicaRouter`. */
export interface ReplicaRouter extends Observable<ReplicaRouterEvents> {
  /** The current epoch. It only increases, and each epoch has exactly one primary. */
  readonly epoch: number;
  /** The name of the primary. */
  readonly primary: string;
  /** The states of all nodes, in the order of the options. */
  readonly nodes: readonly ReplicaState[];
  /** Returns the primary. @throws NoHealthyNodeError while the primary is down. */
  forWrite(): ReplicaRoute;
  /** Returns a node that is fresh enough for the consistency. @throws NoHealthyNodeError if there is none. */
  forRead(options?: ForReadOptions): ReplicaRoute;
  /**
   * Creates a session for one user, or restores it from a token. @throws InvalidOptionError if the token is invalid.
   */
  session(token?: ReplicaSessionToken): ReplicaSession;
  /**
   * Stores the state that a node reports.
   * @returns False if the report was ignored: because its epoch is not the current one, because the node is down, or
   * because the report is older than the last one or than the time when the node came back.
   */
  report(node: string, report: ReplicaReport): boolean;
  /** Marks a node as down: it is not used, and its reports are forgotten. Marking the primary does not replace it. */
  markDown(node: string): void;
  /** Marks a node as up. Its freshness is unknown until its next report. */
  markUp(node: string): void;
  /**
   * Promotes the replica that loses the least data, and retires the primary of that epoch. If `seen.epoch` is not the
   * current epoch, nothing happens: if several callers have seen the same primary fail, only the first one replaces it.
   * @returns The current primary.
   * @throws NoHealthyNodeError if there is no replica to promote.
   */
  failover(seen: { readonly epoch: number }): ReplicaRoute;
  /**
   * Applies the decision of an external coordinator.
   * @returns Whether the decision holds now. False for a past epoch, or if the epoch has another primary.
   */
  adopt(decision: { readonly primary: string; readonly epoch: number }): boolean;
  /**
   * Whether a write of that epoch may be accepted. Check this where the data is stored, not where the write was sent.
   */
  isCurrent(epoch: number): boolean;
}

/**
 * Creates a router that sends writes to the primary, and each read to a replica that is fresh enough. Use it to take
 * reads off the primary without breaking the consistency that a read needs.
 *
 * The router does not query nodes: the application calls `report` with the state of each node, and the router derives
 * what that proves. A node that was 2 s behind when it was asked 3 s ago may be 5 s behind now. A node that has reached
 * a log position has all data before it. Among the nodes that are fresh enough, the router draws two at random and uses
 * the fresher one, so fresh nodes get more reads and none gets all. If no replica is fresh enough, the primary is used.
 *
 * **Failover.** Each primary has its own epoch, and writes carry it. `failover({ epoch })` begins the next epoch. A
 * primary that was disconnected may not know that it was replaced. The store must reject its writes, by calling
 * `isCurrent` or by remembering the highest epoch it has seen (Kleppmann, "How to do distributed locking", 2016). A
 * router only knows the view of one process. With several processes, one coordinator must decide, and all routers must
 * `adopt` its decision.
 *
 * **Data loss.** Replication lags, so the new primary may lack the last writes of the old one. Therefore positions
 * belong to an epoch. What a session has seen in an earlier epoch counts on replicas only up to the position that the
 * new primary was known to have reached. Data beyond that may be lost, and the session reads from the primary.
 *
 * O(nodes) per read. No timer. Session guarantees: Terry and others, "Session Guarantees for Weakly Consistent
 * Replicated Data", 1994. Two choices: Mitzenmacher, 2001.
 *
 * @throws InvalidOptionError if an option is invalid.
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
  readonly #events = new Emitter<ReplicaRouterEvents>(EVENTS);
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
    if (!this.#primary.isUp) this.#reject();
    return this.#toPrimary();
  }

  forRead({ consistency = 'strong', session, exclude = [] }: ForReadOptions = {}): ReplicaRoute {
    const { owner, fallsBack } = this.#settings;
    const now = this.#clocks.now();
    const isFresh = this.#freshness(consistency, session, now);
    const excluded = new Set(checkIterable(owner, 'exclude', exclude));
    const replicas = this.#replicas(now).filter((node) => !excluded.has(node.name) && isFresh(node));
    if (replicas.length > 0) return this.#toFresherOfTwo(replicas, now);
    const isAllowed = fallsBack || consistency === 'strong';
    if (!isAllowed || !this.#primary.isUp || excluded.has(this.#primary.name)) this.#reject();
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
      if (first === undefined) this.#reject();
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

  /** Begins an epoch, possibly with another primary. This is the only state transition. */
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

  /** Returns the replicas that can be read from or promoted. */
  #replicas(now: number): ReplicaNode[] {
    const all = [...this.#nodes.values()];
    return all.filter((node) => node !== this.#primary && node.isUp && node.takesPart(this.epoch, now));
  }

  /** Returns a function that checks whether a replica is fresh enough. The primary always is. */
  #freshness(
    consistency: Consistency,
    session: ReplicaSession | undefined,
    now: number,
  ): (node: ReplicaNode) => boolean {
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

  /** Returns a function that checks whether a replica is known to have the data of a mark. */
  #having({ log, at }: SessionMark, now: number): (node: ReplicaNode) => boolean {
    const { epoch } = this;
    const isSticky = at !== undefined && now - at < this.#settings.stickyMs;
    if (log !== undefined && !this.#history.has(log)) return () => false;
    return (node) =>
      (log === undefined || node.hasReached(log.position, epoch, now)) &&
      (!isSticky || now - (node.lagMs(epoch, now) ?? Infinity) > at); // `>`: both may be within one tick of the clock
  }

  #marksOf(session: ReplicaSession | undefined): SessionMarks {
    if (session instanceof SessionMarks && session.clocks === this.#clocks) return session;
    throw new InvalidOptionError(this.#settings.owner, 'session', 'must be a session of this router', session);
  }

  /** Draws two replicas and uses the fresher one. Both draws may return the same, so that every replica gets reads. */
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

  #reject(): never {
    throw new NoHealthyNodeError({ policy: this.#settings.owner });
  }
}

const LEVELS = ['strong', 'read-your-writes', 'monotonic', 'eventual'] as const;
