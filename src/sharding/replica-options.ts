import { type Clock, checkClock } from '../core/clock.js';
import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkName, checkOneOf, checkOptionalFunction, readOptions } from '../core/options.js';
import { checkRandom, type Random } from '../core/random.js';
import { checkEpoch } from './log-position.js';
import type { ReplicaSession } from './replica-session.js';
import { checkIterable, checkShard } from './shard-router.js';

/** The options of `replicaRouter`. */
export interface ReplicaRouterOptions {
  /** The name of the node that is the primary at first. */
  readonly primary: string;
  /** The names of the nodes that are replicas at first. */
  readonly replicas: Iterable<string>;
  /**
   * The epoch of the first primary, as counted by an external coordinator: an integer from 0 to 2⁴⁸ - 1. @defaultValue
   * 1
   */
  readonly epoch?: number | undefined;
  /**
   * The time for which a report is valid. A node without a valid report is only used for 'eventual' reads.
   * @defaultValue '10s'
   */
  readonly reportMaxAge?: Duration | undefined;
  /**
   * The time for which a session reads from the primary after a write or read without a position, unless the lag of a
   * replica proves earlier that it has the data. With `Infinity` the session waits for that proof. A shorter time
   * assumes that replicas lag less than this.
   * @defaultValue Infinity
   */
  readonly stickyFor?: Duration | undefined;
  /**
   * What happens to a read if no replica is fresh enough: the primary is used, or the read fails. @defaultValue
   * 'primary'
   */
  readonly onNoFreshReplica?: 'primary' | 'reject' | undefined;
  /** The minimum time for which a replaced primary is not used; 0 is allowed. @defaultValue '1m' */
  readonly cooldown?: Duration | undefined;
  /** The name of the router in error messages. @defaultValue 'replicaRouter' */
  readonly name?: string | undefined;
  /** The clock for the ages of reports. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
  /**
   * Returns milliseconds since 1970. Only used for session tokens, because they are passed between machines.
   * @defaultValue `Date.now`
   */
  readonly wallClock?: (() => number) | undefined;
  /** The source of random numbers from 0 to 1 (exclusive). @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/**
 * The consistency of a read: how old the data may be.
 *
 * - 'strong': the current data, from the primary.
 * - `{ maxLag }`: data that is at most this old.
 * - 'read-your-writes': at least as new as the last write of the session.
 * - 'monotonic': at least as new as the last read of the session.
 * - 'eventual': data of any age.
 */
export type Consistency =
  | 'strong'
  | 'read-your-writes'
  | 'monotonic'
  | 'eventual'
  | {
      /** The maximum lag: above 0, in milliseconds or as a duration. */
      readonly maxLag: Duration;
    };

/** The options of `forRead`. */
export interface ForReadOptions {
  /** The consistency of the read. @defaultValue 'strong' */
  readonly consistency?: Consistency | undefined;
  /** The session of the read; required for 'read-your-writes' and 'monotonic'. */
  readonly session?: ReplicaSession | undefined;
  /** The names of nodes that must not be used, for example because an attempt failed there. @defaultValue none */
  readonly exclude?: Iterable<string> | undefined;
}

/** The events of a replica router. */
export interface ReplicaRouterEvents {
  /** Emitted when an epoch begins. `from` and `to` are equal if an external coordinator has confirmed the primary. */
  readonly failover: {
    readonly from: string;
    readonly to: string;
    readonly epoch: number;
    readonly reason: 'failover' | 'adopted';
  };
  /** Emitted when a node is marked as down. */
  readonly nodeDown: { readonly node: string };
  /** Emitted when a node is marked as up. */
  readonly nodeUp: { readonly node: string };
}

/** The checked options. */
export interface ReplicaSettings {
  readonly owner: string;
  readonly clock: Clock;
  readonly wallNow: () => number;
  readonly random: Random;
  /** The names of all nodes, the primary first. */
  readonly names: readonly string[];
  readonly epoch: number;
  readonly reportMaxAgeMs: number;
  readonly stickyMs: number;
  readonly cooldownMs: number;
  readonly fallsBack: boolean;
}

export function readReplicaOptions(options: ReplicaRouterOptions): ReplicaSettings {
  const kind = 'replicaRouter';
  const own = readOptions(kind, options, {
    primary: undefined,
    replicas: undefined,
    epoch: 1,
    reportMaxAge: '10s',
    stickyFor: Infinity,
    onNoFreshReplica: 'primary',
    cooldown: '1m',
    name: kind,
    clock: undefined,
    wallClock: undefined,
    random: undefined,
  });
  const owner = checkName(kind, own.name);
  return {
    owner,
    clock: checkClock(owner, own.clock),
    wallNow: checkOptionalFunction(owner, 'wallClock', own.wallClock) ?? Date.now,
    random: checkRandom(owner, own.random),
    names: readNames(owner, own.primary, own.replicas),
    epoch: checkEpoch(owner, 'epoch', own.epoch),
    reportMaxAgeMs: toMs(owner, 'reportMaxAge', own.reportMaxAge, { orInfinity: true }),
    stickyMs: toMs(owner, 'stickyFor', own.stickyFor, { orInfinity: true }),
    cooldownMs: toMs(owner, 'cooldown', own.cooldown, { orZero: true }),
    fallsBack: checkOneOf(owner, 'onNoFreshReplica', own.onNoFreshReplica, ['primary', 'reject']) === 'primary',
  };
}

function readNames(owner: string, primary: string, replicas: Iterable<string>): string[] {
  const names = [checkShard(owner, 'primary', primary)];
  for (const replica of checkIterable(owner, 'replicas', replicas)) {
    const name = checkShard(owner, `replicas[${names.length - 1}]`, replica);
    if (names.includes(name)) throw new InvalidOptionError(owner, 'replicas', 'must name each node once', name);
    names.push(name);
  }
  return names;
}
