import type { Clock } from '../core/clock.js';
import type { Duration } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkNumber, readOptions } from '../core/options.js';
import type { Classify } from '../core/outcome.js';
import type { Random } from '../core/random.js';
import type { HealthOptions } from './health/health-checks.js';
import type { OutlierOptions } from './health/outlier-detector.js';
import type { PickerFactory } from './pickers/picker.js';
import { powerOfTwoChoices } from './pickers/power-of-two-choices.js';
import type { SlowStartOptions } from './slow-start.js';
import type { NodeSubset } from './subset.js';
import type { ZoneOptions } from './zone-preference.js';

/** The options of `LoadBalancer`. */
export interface LoadBalancerOptions {
  /** The name of the balancer in errors and descriptions. @defaultValue 'LoadBalancer' */
  readonly name?: string | undefined;
  /** The picker that chooses one of the usable nodes for a call. @defaultValue `powerOfTwoChoices()` */
  readonly pick?: PickerFactory | undefined;
  /** Active health checks of the nodes. @defaultValue none: all nodes are healthy */
  readonly health?: HealthOptions | undefined;
  /** Outlier detection: excludes nodes whose calls fail; `{}` uses all defaults. @defaultValue none */
  readonly outlier?: OutlierOptions | undefined;
  /**
   * The time until a new or returning node has its full weight, in milliseconds or as a duration. It has an effect on
   * pickers that use load or weight: all except `roundRobin`, `ipHash`, and `consistentHash` without bounded load.
   * @defaultValue none
   */
  readonly slowStart?: Duration | SlowStartOptions | undefined;
  /**
   * The minimum share of healthy nodes, from 0 to 1; 0 turns panic mode off. If the share is smaller, the balancer is
   * in panic mode and calls go to all nodes: some calls fail, but the healthy nodes do not get the load of all others.
   * @defaultValue 0.5
   */
  readonly panicThreshold?: number | undefined;
  /** What happens if no node is healthy: `'all'` uses all nodes, `'reject'` rejects calls. @defaultValue 'all' */
  readonly onNoHealthyNode?: 'all' | 'reject' | undefined;
  /**
   * The zone of this process. Calls go to nodes of this zone as long as these have enough capacity. @defaultValue none
   */
  readonly zone?: string | ZoneOptions | undefined;
  /** How calls are distributed over the priority groups of the nodes. @defaultValue all defaults */
  readonly priorities?: PriorityOptions | undefined;
  /**
   * Chooses the nodes that this client uses, for example `clientSubset({ client, size })`. @defaultValue all nodes
   */
  readonly subset?: NodeSubset | undefined;
  /** The function that classifies outcomes. @defaultValue the function of the call, otherwise `defaultClassify` */
  readonly classify?: Classify | undefined;
  /** The clock for checks, ejections, slow starts and response times. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
  /** The source of random numbers from 0 to 1 (exclusive). @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/** The options of priority groups. */
export interface PriorityOptions {
  /**
   * The load that a group can bear, relative to its usual load: a number ≥ 1. With 1.4, a group gets all calls until
   * fewer than 1 / 1.4 = 71 % of its weight are healthy; below that, the excess goes to the next groups.
   * @defaultValue 1.4
   */
  readonly overprovision?: number | undefined;
}

/** The options of `acquire` and `peek`. */
export interface PickOptions {
  /** The key of the call, for pickers that use a key. @defaultValue none */
  readonly key?: string | undefined;
  /** The names of nodes that must not be used, for example because they were already tried. @defaultValue none */
  readonly exclude?: Iterable<string> | undefined;
}

export function readLoadBalancerOptions(options: LoadBalancerOptions | undefined) {
  const defaults = {
    name: 'LoadBalancer',
    pick: powerOfTwoChoices(),
    health: undefined,
    outlier: undefined,
    slowStart: undefined,
    panicThreshold: 0.5,
    onNoHealthyNode: 'all',
    zone: undefined,
    priorities: undefined,
    subset: undefined,
    classify: undefined,
    clock: undefined,
    random: undefined,
  } as const;
  return readOptions<LoadBalancerOptions, typeof defaults>('LoadBalancer', options, defaults);
}

/** Reads the `priorities` option. Returns the overprovisioning factor. */
export function readPriorities(owner: string, options: PriorityOptions | undefined): number {
  const { overprovision } = readOptions(owner, options, { overprovision: 1.4 }, 'priorities');
  return checkNumber(owner, 'priorities.overprovision', overprovision, { min: 1 });
}

/** Rejects a single name instead of a list: a string is iterable, and its letters would become the names. */
export function readExclude(exclude: Iterable<string> = []): readonly string[] {
  if (typeof exclude === 'object' && exclude !== null && Symbol.iterator in exclude) return [...exclude];
  throw new InvalidOptionError('LoadBalancer', 'exclude', 'must be a list of nodes', exclude);
}
