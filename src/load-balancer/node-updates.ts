import { AbortNode, checkSignal, scopeOf } from '../core/abort-scope.js';
import { Alarm, type Clock } from '../core/clock.js';
import { type Duration, toMs } from '../core/duration.js';
import { ClosedError, NoHealthyNodeError, TimeoutError } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import type { NodeSource } from './node-source.js';
import type { BalancerNode } from './nodes.js';
import { SourceFollower } from './source-follower.js';

/** The options of `LoadBalancer.ready`. */
export interface ReadyOptions {
  /** The time after which the promise rejects; `Infinity` for never. @defaultValue '30s' */
  readonly timeout?: Duration | undefined;
  /** Ends the wait early: the promise rejects with the signal's abort reason. @defaultValue none */
  readonly signal?: AbortSignal | null | undefined;
}

/** The receiver of the lists and of the failures of a source. */
interface UpdateReceiver {
  /** Applies a list. Throws if the list is invalid. */
  apply(nodes: Iterable<BalancerNode>): void;
  fail(error: unknown, ended: boolean): void;
}

/** Where the nodes of a balancer come from: lists that are set, or a source that is followed. */
export class NodeUpdates {
  readonly #owner: string;
  readonly #clock: Clock;
  readonly #receiver: UpdateReceiver;
  #follower: SourceFollower | undefined = undefined;
  #hasList = false;
  /** The reason why there will be no first list, as far as is known. */
  #failure: { readonly error: unknown } | undefined = undefined;
  readonly #waiters = new Set<ReadyWaiter>();

  constructor(owner: string, clock: Clock, receiver: UpdateReceiver) {
    this.#owner = owner;
    this.#clock = clock;
    this.#receiver = receiver;
  }

  /** Applies a list and stops following a source. An invalid list changes nothing. */
  set(nodes: Iterable<BalancerNode>): void {
    this.#apply(nodes);
    this.#follower?.stop();
    this.#follower = undefined;
  }

  /** Follows a source instead of the current one. */
  follow(source: NodeSource): void {
    this.#follower?.stop();
    this.#failure = undefined;
    this.#follower = new SourceFollower(source, {
      apply: (nodes) => this.#apply(nodes),
      fail: (error, ended) => {
        this.#receiver.fail(error, ended);
        if (ended) this.#giveUp(error);
      },
      end: () => this.#giveUp(new NoHealthyNodeError({ policy: this.#owner })),
    });
  }

  /** Stops following. All waits for the first list end. */
  close(): void {
    this.#follower?.stop();
    this.#hasList = false;
    this.#giveUp(new ClosedError({ policy: this.#owner }));
  }

  /** Resolves when the first list has been applied. */
  ready(options: ReadyOptions | undefined): Promise<void> {
    const owner = 'LoadBalancer.ready';
    const own = readOptions(owner, options, { timeout: '30s', signal: null });
    const timeoutMs = toMs(owner, 'timeout', own.timeout, { orInfinity: true });
    const signal = checkSignal(owner, own.signal);
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#hasList) return Promise.resolve();
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    return new Promise((resolve, reject) => {
      const waiter = new ReadyWaiter(this.#waiters, resolve, reject);
      waiter.begin(this.#owner, this.#clock, timeoutMs, signal);
    });
  }

  #apply(nodes: Iterable<BalancerNode>): void {
    this.#receiver.apply(nodes);
    this.#hasList = true;
    for (const waiter of this.#waiters) waiter.resolve();
  }

  #giveUp(error: unknown): void {
    if (this.#hasList) return;
    this.#failure = { error };
    for (const waiter of this.#waiters) waiter.reject(error);
  }
}

/** A wait for the first list. Its timer keeps the process alive, because the program cannot go on without nodes. */
class ReadyWaiter extends AbortNode {
  readonly #waiters: Set<ReadyWaiter>;
  readonly #onReady: () => void;
  readonly #onError: (error: unknown) => void;
  #alarm: Alarm | undefined = undefined;

  constructor(waiters: Set<ReadyWaiter>, onReady: () => void, onError: (error: unknown) => void) {
    super();
    this.#waiters = waiters;
    this.#onReady = onReady;
    this.#onError = onError;
  }

  begin(policy: string, clock: Clock, timeoutMs: number, signal: AbortSignal | null): void {
    this.#waiters.add(this);
    this.#alarm = new Alarm(clock, timeoutMs, () => this.reject(new TimeoutError({ policy, timeoutMs })));
    if (signal !== null) scopeOf(signal).enter(this);
  }

  resolve(): void {
    this.#end();
    this.#onReady();
  }

  reject(error: unknown): void {
    this.#end();
    this.#onError(error);
  }

  onAbort(reason: unknown): void {
    this.reject(reason);
  }

  #end(): void {
    this.#waiters.delete(this);
    this.#alarm?.clear();
    this.leave();
  }
}
