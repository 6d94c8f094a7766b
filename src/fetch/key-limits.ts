import type { Clock } from '../core/clock.js';
import { type Duration, toMs } from '../core/duration.js';
import { checkBoolean, checkOptionalFunction, readOptions } from '../core/options.js';
import type { Policy } from '../core/policy.js';
import { type RateLimiter, rateLimit } from '../rate-limit/index.js';
import { ServerLimit } from '../rate-limit/server-limit.js';
import type { FetchRateLimitOptions, ResilientFetchListeners } from './options.js';

const OWNER = 'resilientFetch';

/** The checked `rateLimit` option. */
export interface Limits {
  readonly limiter: ((key: string) => RateLimiter) | undefined;
  readonly followServerLimits: boolean;
  readonly maxServerPauseMs: number;
  readonly maxWait: Duration;
}

/** Checks the `rateLimit` option, except that the limiter of each key is checked when it is created. */
export function checkLimits(options: FetchRateLimitOptions | false | undefined): Limits | undefined {
  if (options === undefined || options === false) return undefined;
  const defaults = {
    limiter: undefined,
    followServerLimits: true,
    maxServerPause: '1m' as Duration,
    maxWait: '5s' as Duration,
  };
  const own = readOptions(OWNER, options, defaults, 'rateLimit');
  checkOptionalFunction(OWNER, 'rateLimit.limiter', own.limiter);
  toMs(OWNER, 'rateLimit.maxWait', own.maxWait, { orZero: true, orInfinity: true });
  const { limiter, maxWait } = own;
  const followServerLimits = checkBoolean(OWNER, 'rateLimit.followServerLimits', own.followServerLimits);
  const maxServerPauseMs = toMs(OWNER, 'rateLimit.maxServerPause', own.maxServerPause, { min: 1 });
  return { limiter, followServerLimits, maxServerPauseMs, maxWait };
}

/** Creates the rate limit policies of a key, and the limit that the server announces if it is followed. */
export function limitsFor(
  key: string,
  limits: Limits | undefined,
  on: ResilientFetchListeners,
  clock: Clock,
): { readonly limiters: readonly Policy[]; readonly serverLimit: ServerLimit | undefined } {
  if (limits === undefined) return { limiters: [], serverLimit: undefined };
  const { limiter, followServerLimits, maxServerPauseMs, maxWait } = limits;
  const serverLimit = followServerLimits ? new ServerLimit(key, clock, maxServerPauseMs) : undefined;
  const limiters = [limiter?.(key), serverLimit]
    .filter((one) => one !== undefined)
    .map((one) => {
      const policy = rateLimit(one, { name: key, maxWait });
      if (on.reject) policy.on('reject', (event) => on.reject?.({ key, by: 'rate-limit', event }));
      return policy;
    });
  return { limiters, serverLimit };
}
