import type { Clock } from '../core/clock.js';
import { type Duration, toMs } from '../core/duration.js';
import { checkBoolean, checkOptionalFunction, readOptions } from '../core/options.js';
import type { Policy } from '../core/policy.js';
import { type RateLimiter, rateLimit } from '../rate-limit/index.js';
import { ServerLimit } from '../rate-limit/server-limit.js';
import type { FetchRateLimitOptions, ResilientFetchListeners } from './options.js';

/** The checked `rateLimit` option. */
export interface Limits {
  readonly limiter: ((key: string) => RateLimiter) | undefined;
  readonly followServerLimits: boolean;
  readonly maxServerPauseMs: number;
  readonly maxWait: Duration;
}

/** Checks the `rateLimit` option, except that the limiter of each key is checked when it is created. */
export function checkLimits(owner: string, options: FetchRateLimitOptions | false | undefined): Limits | undefined {
  if (options === undefined || options === false) return undefined;
  const defaults = {
    limiter: undefined,
    followServerLimits: true,
    maxServerPause: '1m' as Duration,
    maxWait: '5s' as Duration,
  };
  const own = readOptions(owner, options, defaults, 'rateLimit');
  checkOptionalFunction(owner, 'rateLimit.limiter', own.limiter);
  toMs(owner, 'rateLimit.maxWait', own.maxWait, { orZero: true, orInfinity: true });
  const { limiter, maxWait } = own;
  const followServerLimits = checkBoolean(owner, 'rateLimit.followServerLimits', own.followServerLimits);
  const maxServerPauseMs = toMs(owner, 'rateLimit.maxServerPause', own.maxServerPause, { min: 1 });
  return { limiter, followServerLimits, maxServerPauseMs, maxWait };
}

/** The rate limits of a key. */
export interface KeyLimits {
  readonly policies: readonly Policy[];
  readonly limiter: RateLimiter | undefined;
  /** The limit that the server announces; undefined if it is not followed. */
  readonly server: ServerLimit | undefined;
}

/** Creates the rate limits of a key. */
export function limitsFor(
  key: string,
  limits: Limits | undefined,
  on: ResilientFetchListeners,
  clock: Clock,
): KeyLimits {
  if (limits === undefined) return { policies: [], limiter: undefined, server: undefined };
  const { followServerLimits, maxServerPauseMs, maxWait } = limits;
  const limiter = limits.limiter?.(key);
  const server = followServerLimits ? new ServerLimit(key, clock, maxServerPauseMs) : undefined;
  const policies = [limiter, server]
    .filter((one) => one !== undefined)
    .map((one) => {
      const policy = rateLimit(one, { name: key, maxWait });
      if (on.reject) policy.on('reject', (event) => on.reject?.({ key, by: 'rate-limit', event }));
      return policy;
    });
  return { policies, limiter, server };
}
