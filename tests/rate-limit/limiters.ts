import type { Clock, Duration } from 'breakwater';
import {
  FixedWindow,
  LeakyBucket,
  type RateLimiter,
  SlidingWindowCounter,
  SlidingWindowLog,
  TokenBucket,
} from 'breakwater/rate-limit';

export interface Limits {
  /** The capacity of a bucket, or the limit of a window. */
  readonly size: number;
  /** The amount that flows into or out of a bucket per `per`. Defaults to the size. */
  readonly flow?: number;
  readonly per: Duration;
}

export type MakeLimiter = (limits: Limits, clock?: Clock) => RateLimiter;

const bucketOf = ({ size, flow = size, per }: Limits) => ({ capacity: size, flow, per });

/** All limiters. Each test over this list states a rule of every limiter. */
export const LIMITERS: readonly (readonly [name: string, make: MakeLimiter])[] = [
  [
    'TokenBucket',
    (limits, clock) => {
      const { capacity, flow: refill, per } = bucketOf(limits);
      return new TokenBucket({ capacity, refill, per, clock });
    },
  ],
  [
    'LeakyBucket',
    (limits, clock) => {
      const { capacity, flow: leak, per } = bucketOf(limits);
      return new LeakyBucket({ capacity, leak, per, clock });
    },
  ],
  ['FixedWindow', ({ size: limit, per }, clock) => new FixedWindow({ limit, per, clock })],
  ['SlidingWindowCounter', ({ size: limit, per }, clock) => new SlidingWindowCounter({ limit, per, clock })],
  ['SlidingWindowLog', ({ size: limit, per }, clock) => new SlidingWindowLog({ limit, per, clock })],
];

/** The options of `reconfigure` for these limits. */
export function optionsOf(name: string, { size, flow = size, per }: Limits): object {
  if (name === 'TokenBucket') return { capacity: size, refill: flow, per };
  if (name === 'LeakyBucket') return { capacity: size, leak: flow, per };
  return { limit: size, per };
}
