import type { Clock } from '../core/clock.js';
import type { Duration } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import type { Classify } from '../core/outcome.js';
import type { Random } from '../core/random.js';
import type { HealthOptions } from './health/health-checks.js';
import type { OutlierOptions } from './health/outlier-detector.js';
import type { PickerFactory } from './pickers/picker.js';
import { powerOfTwoChoices } from './pickers/power-of-two-choices.js';
import type { SlowStartOptions } from './slow-start.js';
import type { ZoneOptions } from './zone-preference.js';

export interface LoadBalancerOptions {
  /** What it goes by in errors. @defaultValue 'LoadBalancer' */
  readonly name?: string | undefined;
  /** Which of the usable nodes a call goes to. @defaultValue `powerOfTwoChoices()` */
  readonly pick?: PickerFactory | undefined;
  /** Asks the nodes whether they are well. @defaultValue none: they are */
  readonly health?: HealthOptions | undefined;
  /** Leaves out nodes that calls fail on; `{}` for all its defaults. @defaultValue none */
  readonly outlier?: OutlierOptions | undefined;
  /**
   * How long a node that comes, or comes back, takes until it has its whole weight. For pickers that go by load or weight: all
   * but `roundRobin`, `ipHash`, and `consistentHash` without bounded load. @defaultValue none
   */
  readonly slowStart?: Duration | SlowStartOptions | undefined;
  /**
   * When a smaller share of the nodes than this is healthy, calls go to all: better some that fail than the last healthy
   * nodes falling under the load of all the others. 0 to 1, 0 for never. @defaultValue 0.5
   */
  readonly panicThreshold?: number | undefined;
  /** When no node is healthy: use all of them, or refuse calls. @defaultValue 'all' */
  readonly onNoHealthyNode?: 'all' | 'reject' | undefined;
  /** Where this process is: calls go to nodes of this zone as long as they can bear them. @defaultValue none */
  readonly zone?: string | ZoneOptions | undefined;
  /** How outcomes are judged. @defaultValue the call's, else `defaultClassify` */
  readonly classify?: Classify | undefined;
  /** @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
  /** @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/** What `acquire` and `peek` may be told of the call. */
export interface PickOptions {
  /** For pickers that go by a key. */
  readonly key?: string | undefined;
  /** Nodes that will not do: those that have been tried, for instance. */
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
    classify: undefined,
    clock: undefined,
    random: undefined,
  } as const;
  return readOptions<LoadBalancerOptions, typeof defaults>('LoadBalancer', options, defaults);
}

/** A name by itself is no list of names: it would be taken for one of letters. */
export function readExclude(exclude: Iterable<string> = []): readonly string[] {
  if (typeof exclude === 'object' && exclude !== null && Symbol.iterator in exclude) return [...exclude];
  throw new InvalidOptionError('LoadBalancer', 'exclude', 'must be a list of nodes', exclude);
}
