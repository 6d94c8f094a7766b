import { type Clock, checkClock } from '../core/clock.js';
import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkName, checkOneOf, checkOptionalFunction, readOptions } from '../core/options.js';
import { checkRandom, type Random } from '../core/random.js';
import { checkEpoch } from './log-position.js';
import type { ReplicaSession } from './replica-session.js';
import { checkIterable, checkShard } from './shard-router.js';

export interface ReplicaRouterOptions {
  /** The node that takes the writes, to begin with. */
  readonly primary: string;
  /** The nodes that follow it. */
  readonly replicas: Iterable<string>;
  /** The epoch of that primary, as an outside coordinator counts. An integer from 0 to 2⁴⁸ - 1. @defaultValue 1 */
  readonly epoch?: number | undefined;
  /** For how long a report says anything; a node that was not heard of since is fit only for 'eventual'. @defaultValue '10s' */
  readonly reportMaxAge?: Duration | undefined;
  /**
   * How long a session stays with the primary after it has written, or read, without a position, unless a replica's lag
   * proves sooner that it has it all. `Infinity`: until that is proved; anything less is a guess about the lag.
   * @defaultValue Infinity
   */
  readonly stickyFor?: Duration | undefined;
  /** What becomes of a read for which no replica is fit: the primary takes it, or it fails. @defaultValue 'primary' */
  readonly onNoFreshReplica?: 'primary' | 'reject' | undefined;
  /** How long a primary that was replaced is left alone at least. 0 allowed. @defaultValue '1m' */
  readonly cooldown?: Duration | undefined;
  /** What it goes by in errors. @defaultValue 'replicaRouter' */
  readonly name?: string | undefined;
  /** @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
  /** Milliseconds since 1970, for session tokens only: they travel between machines. @defaultValue `Date.now` */
  readonly wallClock?: (() => number) | undefined;
  /** @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/**
 * How old what is read may be. 'strong': not at all, from the primary. `{ maxLag }`: by so much. 'read-your-writes': not
 * older than what the session has written. 'monotonic': not older than what it has read. 'eventual': as old as it is.
 */
export type Consistency =
  | 'strong'
  | 'read-your-writes'
  | 'monotonic'
  | 'eventual'
  | {
      /** Above 0. */
      readonly maxLag: Duration;
    };

export interface ForReadOptions {
  /** @defaultValue 'strong' */
  readonly consistency?: Consistency | undefined;
  /** Whose read it is; required for 'read-your-writes' and 'monotonic'. */
  readonly session?: ReplicaSession | undefined;
  /** Nodes that were tried and have failed. @defaultValue none */
  readonly exclude?: Iterable<string> | undefined;
}

export interface ReplicaRouterEvents {
  /** Another epoch has begun. `from` and `to` are the same when an outside coordinator has confirmed the primary. */
  readonly failover: {
    readonly from: string;
    readonly to: string;
    readonly epoch: number;
    readonly reason: 'failover' | 'adopted';
  };
  readonly nodeDown: { readonly node: string };
  readonly nodeUp: { readonly node: string };
}

/** The options, checked. */
export interface ReplicaSettings {
  readonly owner: string;
  readonly clock: Clock;
  readonly wallNow: () => number;
  readonly random: Random;
  /** The primary first. */
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
