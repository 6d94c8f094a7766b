import { type Duration, toMs } from '../core/duration.js';
import { checkInteger, checkNumber, checkOneOf, readOptions } from '../core/options.js';
import { checkDistribution, type Distribution } from './distributions.js';

/** Options of `server`. */
export interface ServerOptions {
  /** The time that a worker needs for a request: a distribution, or a duration. */
  readonly service: Distribution | Duration;
  /** The number of requests that are served at the same time: an integer ≥ 1, or `Infinity`. @defaultValue Infinity */
  readonly workers?: number | undefined;
  /** How requests wait for a worker. @defaultValue an unlimited queue in arrival order */
  readonly queue?: QueueOptions | undefined;
  /**
   * How the server becomes slower under load, as by garbage collection or an exhausted connection pool.
   * @defaultValue none
   */
  readonly collapse?: CollapseOptions | undefined;
  /**
   * What happens to a request whose caller has left. `continue`: the server does not notice and works on, as most HTTP
   * servers do. `stop`: the request is dropped from the queue, and its worker becomes free.
   * @defaultValue 'continue'
   */
  readonly onAbandon?: 'continue' | 'stop' | undefined;
  /** The cost of a start: the first requests take longer, as with a cold cache. @defaultValue none */
  readonly startCost?: StartCostOptions | undefined;
  /**
   * The worker time that the rejection of a request takes. It is added to the next request.
   * @defaultValue 0
   */
  readonly rejectCost?: Duration | undefined;
  /** The network between the clients and the server. @defaultValue no latency and no loss */
  readonly network?: NetworkOptions | undefined;
}

/** How requests wait for a worker. */
export interface QueueOptions {
  /**
   * The maximum number of waiting requests: an integer ≥ 0, or `Infinity`. Further requests are rejected with status
   * 503. At a million waiting requests the run ends as collapsed.
   * @defaultValue Infinity
   */
  readonly limit?: number | undefined;
  /**
   * Which request is next. `fifo`: the oldest. `lifo`: the newest. `codel`: the oldest, but while the queue has not been
   * empty for 100 ms, requests that have waited for more than 5 ms are rejected (controlled delay; Nichols and Jacobson,
   * 2012, as adapted by Maurer, "Fail at Scale", 2015).
   * @defaultValue 'fifo'
   */
  readonly order?: 'fifo' | 'lifo' | 'codel' | undefined;
}

/** How a server becomes slower under load: by the factor 1 + `factor` × (load / `knee` − 1)^`power` above the knee. */
export interface CollapseOptions {
  /** The number of requests in the server, running and waiting, above which it becomes slower: a number above 0. */
  readonly knee: number;
  /** The strength of the effect: a number ≥ 0. @defaultValue 1 */
  readonly factor?: number | undefined;
  /** The exponent: an integer from 1 to 8. @defaultValue 1 */
  readonly power?: number | undefined;
}

/** The cost of a start. */
export interface StartCostOptions {
  /** The number of requests that take longer: an integer ≥ 1. */
  readonly requests: number;
  /** The factor of their service time: a number ≥ 1. */
  readonly by: number;
}

/** The network between the clients and a server. */
export interface NetworkOptions {
  /** The time of one direction: a distribution, or a duration. @defaultValue 0 */
  readonly latency?: Distribution | Duration | undefined;
  /** The share of messages that are lost: a number in [0, 1]. A caller of a lost message waits. @defaultValue 0 */
  readonly loss?: number | undefined;
}

/** A checked `collapse` option. */
interface Collapse {
  readonly knee: number;
  readonly factor: number;
  readonly power: number;
}

/** A server of a simulated world, as `server` describes it. */
export interface ServerDefinition {
  readonly service: Distribution;
  readonly workers: number;
  readonly queueLimit: number;
  readonly order: 'fifo' | 'lifo' | 'codel';
  readonly collapse: Collapse | undefined;
  readonly stopsAbandoned: boolean;
  readonly startCost: StartCostOptions | undefined;
  readonly rejectCostMs: number;
  readonly latency: Distribution | undefined;
  readonly loss: number;
}

const OWNER = 'server';

/**
 * Describes a server: workers, a queue in front of them, and the time that a request takes. Without `workers` it is a
 * delay that never fills up.
 *
 * @throws InvalidOptionError for invalid options.
 * @example
 * ```ts
 * import { exponential, server } from 'breakwater/simulator';
 *
 * const api = server({ workers: 4, service: exponential('10ms'), queue: { limit: 1000 } }); // 400 requests per second
 * ```
 */
export function server(options: ServerOptions): ServerDefinition {
  const own = readOptions<ServerOptions>(OWNER, options, {
    service: undefined,
    workers: Infinity,
    queue: undefined,
    collapse: undefined,
    onAbandon: 'continue',
    startCost: undefined,
    rejectCost: 0,
    network: undefined,
  });
  const queue = readOptions<QueueOptions>(OWNER, own.queue, { limit: Infinity, order: 'fifo' }, 'queue');
  const network = readOptions<NetworkOptions>(OWNER, own.network, { latency: undefined, loss: 0 }, 'network');
  const { latency } = network;
  return {
    service: checkDistribution(OWNER, 'service', own.service as Distribution | Duration),
    workers: checkInteger(OWNER, 'workers', own.workers, { min: 1, orInfinity: true }),
    queueLimit: checkInteger(OWNER, 'queue.limit', queue.limit, { min: 0, orInfinity: true }),
    order: checkOneOf(OWNER, 'queue.order', queue.order as 'fifo', ['fifo', 'lifo', 'codel']),
    collapse: checkCollapse(own.collapse),
    stopsAbandoned: checkOneOf(OWNER, 'onAbandon', own.onAbandon as 'continue', ['continue', 'stop']) === 'stop',
    startCost: checkStartCost(own.startCost),
    rejectCostMs: toMs(OWNER, 'rejectCost', own.rejectCost, { orZero: true }),
    latency: latency === undefined ? undefined : checkDistribution(OWNER, 'network.latency', latency),
    loss: checkNumber(OWNER, 'network.loss', network.loss, { min: 0, max: 1 }),
  };
}

/** Whether a value was made by `server`. */
export function isServerDefinition(value: unknown): value is ServerDefinition {
  return typeof value === 'object' && value !== null && 'service' in value && 'queueLimit' in value;
}

function checkCollapse(collapse: CollapseOptions | undefined): Collapse | undefined {
  if (collapse === undefined) return undefined;
  const own = readOptions<CollapseOptions>(OWNER, collapse, { knee: undefined, factor: 1, power: 1 }, 'collapse');
  return {
    knee: checkNumber(OWNER, 'collapse.knee', own.knee, { above: 0 }),
    factor: checkNumber(OWNER, 'collapse.factor', own.factor, { min: 0 }),
    power: checkInteger(OWNER, 'collapse.power', own.power, { min: 1, max: 8 }),
  };
}

function checkStartCost(startCost: StartCostOptions | undefined): StartCostOptions | undefined {
  if (startCost === undefined) return undefined;
  const own = readOptions<StartCostOptions>(OWNER, startCost, { requests: undefined, by: undefined }, 'startCost');
  return {
    requests: checkInteger(OWNER, 'startCost.requests', own.requests, { min: 1 }),
    by: checkNumber(OWNER, 'startCost.by', own.by, { min: 1 }),
  };
}
