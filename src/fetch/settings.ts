import type { Clock } from '../core/clock.js';
import { checkInteger, checkMethods, checkOptionalFunction } from '../core/options.js';
import { discard, keep } from './discard.js';
import type { FetchSettings } from './fetch-call.js';
import type { FetchLike, ResilientFetchOptions } from './options.js';
import { asRequest, isIdempotent, isSafe, type OutgoingRequest } from './request.js';

const OWNER = 'resilientFetch';

type Options = Partial<ResilientFetchOptions<FetchLike>>;

/** Checks the options that concern single requests. */
export function checkSettings(own: Options, clock: Clock): FetchSettings {
  const drainLimit =
    own.drainLimit === undefined ? 65536 : checkInteger(OWNER, 'drainLimit', own.drainLimit, { min: 0 });
  return {
    route: checkOptionalFunction(OWNER, 'route', own.route),
    key: checkOptionalFunction(OWNER, 'key', own.key) ?? (({ url }) => url.origin),
    repeatable: checkOptionalFunction(OWNER, 'repeatable', own.repeatable) ?? isIdempotentRequest,
    mayOverlap: own.repeatable === undefined ? isSafe : () => true,
    replayLimit:
      own.replayLimit === undefined
        ? 2 ** 20
        : checkInteger(OWNER, 'replayLimit', own.replayLimit, { min: 0, orInfinity: true }),
    deadline:
      own.propagateDeadline === undefined
        ? undefined
        : {
            header: checkMethods(OWNER, 'propagateDeadline', own.propagateDeadline, ['format', 'parse']),
            clock,
          },
    mayRepeat: own.policy !== undefined || own.retry !== false,
    checksOwners: own.policy !== undefined,
    discard: (response) => discard(response, drainLimit, clock),
    keep: (response) => keep(response, drainLimit, clock),
  };
}

/** Whether a request is idempotent by its method or its headers. */
const isIdempotentRequest = ({ method, input, init }: OutgoingRequest): boolean =>
  isIdempotent({ method, headers: init?.headers ?? asRequest(input)?.headers });
