/// <reference lib="esnext.disposable" preserve="true" />
import type { CallContext } from '../core/call-context.js';
import { type Clock, checkClock } from '../core/clock.js';
import { detachedContext } from '../core/context.js';
import { ClosedError, InvalidOptionError, NoHealthyNodeError } from '../core/errors.js';
import { Emitter, type Observable } from '../core/events.js';
import {
  checkCallOptions,
  checkFunction,
  checkName,
  checkNumber,
  checkOneOf,
  checkOptionalFunction,
  given,
} from '../core/options.js';
import type { CallOptions, Policy } from '../core/policy.js';
import { checkRandom } from '../core/random.js';
import { type AttemptSettings, Attempts } from './attempts.js';
import { BalancedCall, type NodeContext } from './balanced-call.js';
import { Dispatcher } from './dispatcher.js';
import type { LoadBalancerEvents } from './events.js';
import { HealthChecks, readHealthOptions } from './health/health-checks.js';
import { OutlierDetector, readOutlierOptions } from './health/outlier-detector.js';
import { HeldLease, type Lease } from './lease.js';
import { NodeSet } from './node-set.js';
import { isNodeSource, type NodeSource } from './node-source.js';
import type { NodeState } from './node-state.js';
import { NodeUpdates, type ReadyOptions } from './node-updates.js';
import { type BalancerNode, readBalancerNodes } from './nodes.js';
import {
  type LoadBalancerOptions,
  type PickOptions,
  readExclude,
  readLoadBalancerOptions,
  readPriorities,
} from './options.js';
import type { Picker, PickerFactory } from './pickers/picker.js';
import { type NodeRoute, type RouteOptions, routeBy } from './route.js';
import { readSlowStart } from './slow-start.js';
import { applySubset, type NodeSubset } from './subset.js';
import { readZone } from './zone-preference.js';

/** The types of events. */
const EVENTS = ['nodeUp', 'nodeDown', 'ejected', 'panic', 'failover', 'sourceFailed'] as const;

/** The state of a node. */
export interface NodeStatus {
  /** The name of the node. */
  readonly node: string;
  /** The configured weight. */
  readonly weight: number;
  /** The weight after slow start is applied. */
  readonly effectiveWeight: number;
  /** The configured zone. */
  readonly zone: string | undefined;
  /** The configured priority; 0 is the first group. */
  readonly priority: number;
  /** 'unhealthy' if its active checks fail, 'ejected' if the outlier detection excludes it, otherwise 'healthy'. */
  readonly health: 'healthy' | 'unhealthy' | 'ejected';
  /** The number of calls in flight. */
  readonly active: number;
  /** The number of calls that the node has received so far. */
  readonly picks: number;
  /** The number of calls that succeeded. */
  readonly successes: number;
  /** The number of calls that failed. */
  readonly failures: number;
  /** The peak EWMA of response times in milliseconds. */
  readonly latencyMs: number;
}

/** The options of `execute`. */
export interface ExecuteOptions<Adds = never> extends CallOptions {
  /** The names of nodes that must not be used. @defaultValue none */
  readonly exclude?: Iterable<string> | undefined;
  /**
   * A policy around the call, for example a retry. Each attempt goes to a node that was not tried before, as long as
   * there is one. @defaultValue none
   */
  readonly policy?: Policy<Adds> | undefined;
}

/**
 * Load balancer: distributes calls over equivalent nodes and excludes unhealthy ones. Use it in a client that knows the
 * addresses of its servers.
 *
 * ```
 *   all nodes ── weight > 0 ── healthy ── priority group ── own zone ── not excluded ── pick ──▶ lease
 *                    └── too few healthy: all ──┘                                       │
 *                    latency, success, calls in flight of the node ◀─────── release ────┘
 * ```
 *
 * Without `health` and `outlier`, every node is healthy and no timer runs. The ends of ejections and slow starts are
 * evaluated when a node is picked. A call costs as much as the picker; a change of a node's health costs O(n).
 *
 * Nodes are identified by their names. The state of a node is kept as long as the node is in the list. Instead of a
 * list, a source of lists can be passed, for example `dnsNodes` or an async generator.
 *
 * @throws InvalidOptionError if an option is invalid.
 * @example
 * ```ts
 * const nodes = ['http://10.0.0.1:8080', 'http://10.0.0.2:8080'];
 * const balancer = new LoadBalancer(nodes, { outlier: {}, classify: classifyResponse }); // a 503 is a failure
 * const response = await balancer.execute(({ node, signal }) => fetch(`${node}/users`, { signal }));
 * ```
 */
export class LoadBalancer implements Observable<LoadBalancerEvents>, Disposable {
  /** The name of the balancer in errors and descriptions. */
  readonly name: string;
  readonly #clock: Clock;
  readonly #picker: Picker;
  readonly #nodes: NodeSet;
  readonly #checks: HealthChecks | undefined;
  readonly #events = new Emitter<LoadBalancerEvents>(EVENTS);
  readonly #settings: AttemptSettings;
  readonly #subset: NodeSubset | undefined;
  readonly #updates: NodeUpdates;
  /** One context for all leases, because a lease does not belong to a call. */
  readonly #leaseContext: CallContext;
  #isClosed = false;

  constructor(nodes: Iterable<BalancerNode> | NodeSource, options?: LoadBalancerOptions) {
    const owner = 'LoadBalancer';
    const own = readLoadBalancerOptions(options);
    this.name = checkName(owner, own.name);
    this.#clock = checkClock(owner, own.clock);
    const random = checkRandom(owner, own.random);
    this.#leaseContext = detachedContext(this.#clock);
    this.#picker = startPicker(own.pick);
    this.#nodes = new NodeSet(
      {
        ramp: readSlowStart(owner, own.slowStart),
        panicThreshold: checkNumber(owner, 'panicThreshold', own.panicThreshold, { min: 0, max: 1 }),
        onNoHealthyNode: checkOneOf(owner, 'onNoHealthyNode', own.onNoHealthyNode, ['all', 'reject']),
        overprovision: readPriorities(owner, own.priorities),
      },
      this.#events,
      this.#picker.weightsChanged?.bind(this.#picker),
    );
    const outlierRules = own.outlier === undefined ? undefined : readOutlierOptions(owner, own.outlier);
    const outliers = outlierRules && new OutlierDetector(outlierRules, this.#nodes, this.#clock.now());
    const zone = own.zone === undefined ? undefined : readZone(owner, own.zone);
    const health = own.health === undefined ? undefined : readHealthOptions(owner, own.health);
    this.#checks = health && new HealthChecks(health, this.#nodes, this.#clock, random);
    this.#settings = {
      name: this.name,
      dispatcher: new Dispatcher(this.#nodes, this.#picker, outliers, zone, this.#clock, random),
      classify: checkOptionalFunction(owner, 'classify', own.classify),
      checkOpen: () => this.#checkOpen(),
      emitPending: () => this.#nodes.emitPending(),
    };
    this.#subset = checkOptionalFunction(owner, 'subset', own.subset);
    this.#updates = new NodeUpdates(this.name, this.#clock, {
      apply: (list) => this.#applyNodes(list),
      fail: (error, ended) => this.#events.emit('sourceFailed', { error, ended }),
    });
    this.setNodes(nodes);
  }

  /** Adds a listener for an event. Returns a function that removes it. */
  on<K extends keyof LoadBalancerEvents>(type: K, listener: (event: LoadBalancerEvents[K]) => void): () => void {
    return this.#events.on(type, listener);
  }

  /** The states of all nodes, in the order of the node list. */
  get nodes(): readonly NodeStatus[] {
    const now = this.#clock.now();
    this.#nodes.update(now); // ends the ejections that are over
    const statuses = this.#nodes.nodes.map((state) => statusOf(state, now));
    this.#nodes.emitPending();
    return statuses;
  }

  /**
   * Replaces the list of nodes. Nodes that remain keep their counters, health and calls. New nodes begin with slow
   * start, and with `health` they get no call before their first check. Removed nodes get no new calls; their calls in
   * flight continue.
   *
   * A source is followed until the next call of this method or until dispose: the current nodes stay until its first
   * list. If the source fails or a list is invalid, the last list stays and `sourceFailed` is emitted.
   */
  setNodes(nodes: Iterable<BalancerNode> | NodeSource): void {
    this.#checkOpen();
    if (isNodeSource(nodes)) this.#updates.follow(nodes);
    else this.#updates.set(nodes);
  }

  /**
   * Resolves when the balancer has got its first list of nodes; immediately if the constructor got a list. Until then a
   * call finds no node and is rejected.
   *
   * Rejects with `TimeoutError` after `timeout`, with the error of a source that fails before its first list, with the
   * abort reason, or with `ClosedError` after dispose.
   */
  async ready(options?: ReadyOptions): Promise<void> {
    await this.#updates.ready(options);
  }

  #applyNodes(nodes: Iterable<BalancerNode>): void {
    const entries = applySubset(this.#subset, readBalancerNodes(nodes));
    this.#picker.checkNodes?.(entries);
    const hadNoNodes = this.#nodes.nodes.length === 0;
    this.#nodes.setNodes(entries, this.#clock.now(), hadNoNodes || this.#checks === undefined);
    this.#picker.nodesChanged?.(this.#nodes.nodes);
    this.#checks?.follow();
  }

  /**
   * Picks a node for one call. The caller must release the lease when the call has ended.
   * @throws NoHealthyNodeError if no node is available.
   * @throws ClosedError after dispose.
   */
  acquire(options: PickOptions = {}): Lease {
    checkCallOptions(`${this.name}.acquire`, options, PICK_OPTIONS);
    const exclude = given(options, 'exclude');
    const excluded = exclude === undefined ? undefined : new Set(readExclude(exclude));
    this.#checkOpen();
    const dispatch = this.#settings.dispatcher.dispatch(given(options, 'key'), excluded);
    this.#nodes.emitPending();
    if (dispatch === undefined) throw new NoHealthyNodeError({ policy: this.name });
    return new HeldLease(dispatch, this.#settings, this.#leaseContext);
  }

  /** Returns the node that `acquire` would pick; undefined if none is available. Changes nothing. */
  peek(options: PickOptions = {}): string | undefined {
    checkCallOptions(`${this.name}.peek`, options, PICK_OPTIONS);
    const exclude = readExclude(given(options, 'exclude'));
    return this.#isClosed ? undefined : this.#settings.dispatcher.peek(given(options, 'key'), new Set(exclude));
  }

  /**
   * Runs the operation on a picked node, and records its duration and outcome. The node is released when the operation
   * has ended or the caller has aborted, even if the operation continues.
   *
   * Never throws; the promise rejects with NoHealthyNodeError or ClosedError.
   */
  execute<T, Adds = never>(
    operation: (context: NodeContext) => T | PromiseLike<T>,
    options?: ExecuteOptions<Adds>,
  ): Promise<T | Adds> {
    try {
      checkFunction(this.name, 'operation', operation);
      const { exclude, policy, ...call } = { exclude: undefined, policy: undefined, ...options };
      const balanced = new BalancedCall(
        this.name,
        this.#clock,
        new Attempts(this.#settings, readExclude(exclude)),
        policy,
      );
      return balanced.execute(operation as (context: CallContext) => T | PromiseLike<T>, call);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Returns a function for the `route` option of `resilientFetch`. It sends each attempt of a request to a node whose
   * name is a base URL, and a retry to another node than the previous attempts. The circuit breaker and the bulkhead of
   * that fetch treat all nodes as one, by the origin of the requested URL. Therefore use `outlier` and `health` to
   * watch the nodes, and turn the circuit breaker off.
   *
   * @throws InvalidOptionError if an option is invalid.
   * @example
   * ```ts
   * const balancer = new LoadBalancer(['http://10.0.0.1:8080', 'http://10.0.0.2:8080'], { outlier: {} });
   * const users = resilientFetch({ route: balancer.route(), circuitBreaker: false }); // not one for all nodes
   * const response = await users('http://users/42'); // GET http://10.0.0.1:8080/42, or the other node
   * ```
   */
  route(options?: RouteOptions): NodeRoute {
    return routeBy(this.#settings, options);
  }

  /** Stops all checks and ends the source of nodes. Calls in flight continue; new calls are rejected with `ClosedError`. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#checks?.stop();
    this.#updates.close();
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new ClosedError({ policy: this.name });
  }
}

const PICK_OPTIONS: readonly (keyof PickOptions)[] = ['key', 'exclude'];

function startPicker(pick: PickerFactory): Picker {
  const start = typeof pick === 'object' && pick !== null ? pick.start : undefined;
  if (typeof start === 'function') return pick.start();
  throw new InvalidOptionError('LoadBalancer', 'pick', 'must be a picker factory, such as roundRobin()', pick);
}

function statusOf(state: NodeState, now: number): NodeStatus {
  const { node, weight, effectiveWeight, zone, group, active, picks, successes, failures } = state;
  const health = !state.isUp ? 'unhealthy' : state.isEjected ? 'ejected' : 'healthy';
  const latencyMs = state.latencyMs(now);
  const { priority } = group;
  return { node, weight, effectiveWeight, zone, priority, health, active, picks, successes, failures, latencyMs };
}
