/// <reference lib="esnext.disposable" preserve="true" />
import type { CallContext } from '../core/call-context.js';
import { type Clock, checkClock } from '../core/clock.js';
import { detachedContext } from '../core/context.js';
import { ClosedError, InvalidOptionError, NoHealthyNodeError } from '../core/errors.js';
import { Emitter, type Observable } from '../core/events.js';
import { checkFunction, checkName, checkNumber, checkOneOf, checkOptionalFunction, given } from '../core/options.js';
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
import type { NodeState } from './node-state.js';
import { type BalancerNode, readBalancerNodes } from './nodes.js';
import { type LoadBalancerOptions, type PickOptions, readExclude, readLoadBalancerOptions } from './options.js';
import type { Picker, PickerFactory } from './pickers/picker.js';
import { type NodeRoute, type RouteOptions, routeBy } from './route.js';
import { readSlowStart } from './slow-start.js';
import { readZone } from './zone-preference.js';

/** How a node is doing. */
export interface NodeStatus {
  readonly node: string;
  readonly weight: number;
  /** Its weight with slow start. */
  readonly effectiveWeight: number;
  readonly zone: string | undefined;
  /** 'unhealthy' by its checks, 'ejected' for how calls to it ended. */
  readonly health: 'healthy' | 'unhealthy' | 'ejected';
  /** Calls it has now, and all it has had. */
  readonly active: number;
  readonly picks: number;
  readonly successes: number;
  readonly failures: number;
  /** Its peak EWMA of response times. */
  readonly latencyMs: number;
}

export interface ExecuteOptions<Adds = never> extends CallOptions {
  /** Nodes that will not do. */
  readonly exclude?: Iterable<string> | undefined;
  /** Around the call, a retry for instance: each of its tries goes to a node that was not tried yet, as long as there is one. */
  readonly policy?: Policy<Adds> | undefined;
}

/**
 * Spreads calls over nodes that can all answer them, and leaves out those that are not well.
 *
 * ```
 *   all nodes ── weight > 0 ── checks pass ── not ejected ── own zone ── not excluded ── pick ──▶ lease
 *                             └── too few of them: all ──┘                                │
 *                    latency, success, calls in flight of the node ◀──────── release ─────┘
 * ```
 *
 * Without `health` and `outlier` every node is healthy and no timer runs. Time-outs of ejections and slow starts are looked up
 * when a node is picked. What a call costs is the picker's cost; a change of any node's health costs O(n).
 *
 * Nodes are known by their names, and what is known of them lasts while they stay in the list.
 *
 * @throws InvalidOptionError for options that cannot work.
 * @example
 * ```ts
 * const nodes = ['http://10.0.0.1:8080', 'http://10.0.0.2:8080'];
 * const balancer = new LoadBalancer(nodes, { outlier: {}, classify: classifyResponse }); // a 503 is a failure
 * const response = await balancer.execute(({ node, signal }) => fetch(`${node}/users`, { signal }));
 * ```
 */
export class LoadBalancer implements Observable<LoadBalancerEvents>, Disposable {
  readonly name: string;
  readonly #clock: Clock;
  readonly #picker: Picker;
  readonly #nodes: NodeSet;
  readonly #checks: HealthChecks | undefined;
  readonly #events = new Emitter<LoadBalancerEvents>();
  readonly #settings: AttemptSettings;
  /** One for all leases: they belong to no call. */
  readonly #leaseContext: CallContext;
  #isClosed = false;

  constructor(nodes: Iterable<BalancerNode>, options?: LoadBalancerOptions) {
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
      },
      this.#events,
      this.#picker.weightsChanged?.bind(this.#picker),
    );
    const rules = own.outlier === undefined ? undefined : readOutlierOptions(owner, own.outlier);
    const outliers = rules && new OutlierDetector(rules, this.#nodes, this.#clock.now());
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
    this.setNodes(nodes);
  }

  on<K extends keyof LoadBalancerEvents>(type: K, listener: (event: LoadBalancerEvents[K]) => void): () => void {
    return this.#events.on(type, listener);
  }

  /** How the nodes are doing, in the order in which they were given. */
  get nodes(): readonly NodeStatus[] {
    const now = this.#clock.now();
    this.#nodes.update(now); // ejections that are over are ended
    const statuses = this.#nodes.nodes.map((state) => statusOf(state, now));
    this.#nodes.emitPending();
    return statuses;
  }

  /**
   * Other nodes. Those that stay keep their counters, their health and their calls; those that come start slowly, and with
   * `health` wait for their first check; those that go have no new calls, and end those they have.
   */
  setNodes(nodes: Iterable<BalancerNode>): void {
    this.#checkOpen();
    const entries = readBalancerNodes(nodes);
    this.#picker.checkNodes?.(entries);
    const areFirst = this.#nodes.nodes.length === 0;
    this.#nodes.setNodes(entries, this.#clock.now(), areFirst || this.#checks === undefined);
    this.#picker.nodesChanged?.(this.#nodes.nodes);
    this.#checks?.follow();
  }

  /**
   * A node for one call.
   * @throws NoHealthyNodeError when there is none; ClosedError after dispose.
   */
  acquire(options: PickOptions = {}): Lease {
    const exclude = given(options, 'exclude');
    const excluded = exclude === undefined ? undefined : new Set(readExclude(exclude));
    this.#checkOpen();
    const dispatch = this.#settings.dispatcher.dispatch(given(options, 'key'), excluded);
    this.#nodes.emitPending();
    if (dispatch === undefined) throw new NoHealthyNodeError({ policy: this.name });
    return new HeldLease(dispatch, this.#settings, this.#leaseContext);
  }

  /** Which node `acquire` would give; undefined if none. Nothing changes by asking. */
  peek(options: PickOptions = {}): string | undefined {
    const exclude = readExclude(given(options, 'exclude'));
    return this.#isClosed ? undefined : this.#settings.dispatcher.peek(given(options, 'key'), new Set(exclude));
  }

  /**
   * Runs the operation on a node, and learns from how long it takes and how it ends. The node is free again when the
   * operation has ended, or the caller has gone, even if the operation goes on.
   *
   * Never throws: NoHealthyNodeError and ClosedError are in the promise.
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
   * For the `route` option of `resilientFetch`: sends each try of a request to a node whose name is the beginning of a URL,
   * and a retry to another node than the tries before it. Breakers and bulkheads of that fetch know all nodes as one, by the
   * origin that was asked for: leave the nodes to `outlier` and `health`, and turn its breaker off.
   *
   * @throws InvalidOptionError for options that cannot work.
   * @example
   * ```ts
   * const balancer = new LoadBalancer(['http://10.0.0.1:8080', 'http://10.0.0.2:8080'], { outlier: {} });
   * const users = resilientFetch({ route: balancer.route(), circuitBreaker: false }); // it would be one for all nodes
   * const response = await users('http://users/42'); // GET http://10.0.0.1:8080/42, or the other
   * ```
   */
  route(options?: RouteOptions): NodeRoute {
    return routeBy(this.#settings, options);
  }

  /** Ends all checks. Calls that have a node go on; new ones are refused. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#checks?.stop();
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new ClosedError({ policy: this.name });
  }
}

function startPicker(pick: PickerFactory): Picker {
  const start = typeof pick === 'object' && pick !== null ? pick.start : undefined;
  if (typeof start === 'function') return pick.start();
  throw new InvalidOptionError('LoadBalancer', 'pick', 'must be a picker, as roundRobin() makes one', pick);
}

function statusOf(state: NodeState, now: number): NodeStatus {
  const { node, weight, effectiveWeight, zone, active, picks, successes, failures } = state;
  const health = !state.isUp ? 'unhealthy' : state.isEjected ? 'ejected' : 'healthy';
  const latencyMs = state.latencyMs(now);
  return { node, weight, effectiveWeight, zone, health, active, picks, successes, failures, latencyMs };
}
