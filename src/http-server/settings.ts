import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkInteger, checkMethods, checkOneOf, checkOptionalFunction, readOptions } from '../core/options.js';
import { KeyedRateLimiter } from '../rate-limit/keyed-rate-limiter.js';
import { SlidingWindowCounter } from '../rate-limit/sliding-window-counter.js';
import { ClientLimiter } from './client-limiter.js';
import type {
  ClientLimitOptions,
  HttpRateLimiter,
  PolicyLabel,
  RateLimitHttpListeners,
  RequestLimitOptions,
} from './options.js';
import { quoteName, RATE_LIMIT_DIALECTS, type RateLimitDialect } from './rate-limit-headers.js';

/** The checked options that the middleware and the handler share. */
export interface HttpSettings<Args extends readonly unknown[]>
  extends Pick<RequestLimitOptions<Args>, 'key' | 'skip' | 'partitionKey' | 'refundWhen' | 'message'> {
  readonly owner: string;
  readonly limiter: HttpRateLimiter;
  readonly onMissingKey: 'share' | 'skip' | 'reject';
  readonly cost: number | Exclude<RequestLimitOptions<Args>['cost'], number | undefined>;
  readonly dialects: readonly RateLimitDialect[];
  readonly policies: readonly { readonly name: string; readonly windowMs: number | undefined }[];
  readonly isEnforced: boolean;
  readonly statusCode: number;
  readonly on: RateLimitHttpListeners<Args[0]>;
}

/** The options before the check whether they contain a limiter or a limit. */
export type AnyHttpOptions<Args extends readonly unknown[]> = RequestLimitOptions<Args> &
  Partial<Omit<ClientLimitOptions, 'limiter'>> & { readonly limiter?: HttpRateLimiter | undefined };

/** All undefined: a default may depend on another option, so defaults are set after reading. */
export const NO_HTTP_OPTIONS = {
  limiter: undefined,
  limit: undefined,
  per: undefined,
  maxKeys: undefined,
  clock: undefined,
  key: undefined,
  trustProxy: undefined,
  ipv6Prefix: undefined,
  onMissingKey: undefined,
  cost: undefined,
  skip: undefined,
  headers: undefined,
  name: undefined,
  window: undefined,
  policies: undefined,
  partitionKey: undefined,
  mode: undefined,
  refundWhen: undefined,
  statusCode: undefined,
  message: undefined,
  on: undefined,
};

/** Checks the options, alone and together. @throws InvalidOptionError if an option is invalid. */
export function checkHttpOptions<Args extends readonly unknown[]>(
  owner: string,
  own: AnyHttpOptions<Args>,
): HttpSettings<Args> {
  const { refundWhen, cost = 1, onMissingKey = 'share', mode = 'enforce', statusCode = 429, message } = own;
  if (message !== undefined && typeof message !== 'string') {
    throw new InvalidOptionError(owner, 'message', 'must be a string', message);
  }
  for (const option of own.key === undefined ? [] : (['trustProxy', 'ipv6Prefix'] as const)) {
    if (own[option] !== undefined)
      throw new InvalidOptionError(owner, option, 'has no effect beside "key"', own[option]);
  }
  return {
    owner,
    limiter: checkLimiter(owner, own),
    key: checkOptionalFunction(owner, 'key', own.key),
    onMissingKey: checkOneOf(owner, 'onMissingKey', onMissingKey, ['share', 'skip', 'reject']),
    cost: typeof cost === 'function' ? cost : checkInteger(owner, 'cost', cost, { min: 0 }),
    skip: checkOptionalFunction(owner, 'skip', own.skip),
    dialects: checkDialects(owner, own.headers),
    policies: checkLabels(owner, own),
    partitionKey: checkOptionalFunction(owner, 'partitionKey', own.partitionKey),
    isEnforced: checkOneOf(owner, 'mode', mode, ['enforce', 'observe']) === 'enforce',
    refundWhen: checkOptionalFunction(owner, 'refundWhen', refundWhen),
    statusCode: checkInteger(owner, 'statusCode', statusCode, { min: 400, max: 599 }),
    message,
    on: checkListeners(owner, own.on),
  };
}

/** The options for a limit per client. They have no effect together with a limiter. */
const SHORTHAND = ['limit', 'per', 'maxKeys', 'clock'] as const;

type LimiterOptions = Pick<AnyHttpOptions<[]>, 'limiter' | (typeof SHORTHAND)[number]> & {
  readonly key?: unknown;
  readonly refundWhen?: unknown;
};

function checkLimiter(owner: string, own: LimiterOptions): HttpRateLimiter {
  const { limiter, limit, per, maxKeys, clock, key, refundWhen } = own;
  if (limiter === undefined && (limit !== undefined || per !== undefined)) {
    const rate = { limit: limit as number, per: per as Duration };
    if (key === undefined) return new ClientLimiter(owner, { ...rate, maxKeys, clock });
    const make = () => new SlidingWindowCounter({ ...rate, clock, name: owner });
    return new KeyedRateLimiter(make, { maxKeys, name: owner });
  }
  if (typeof limiter === 'object' && limiter !== null && '~core' in limiter) {
    const rule = 'must be keyed by client: new KeyedRateLimiter(() => limiter)';
    throw new InvalidOptionError(owner, 'limiter', rule, limiter);
  }
  const methods = refundWhen === undefined ? (['tryAcquire'] as const) : (['tryAcquire', 'reserve'] as const);
  const checked = checkMethods(owner, 'limiter', limiter as HttpRateLimiter, methods);
  for (const option of SHORTHAND) {
    if (own[option] === undefined) continue;
    throw new InvalidOptionError(owner, option, 'has no effect beside "limiter"', own[option]);
  }
  return checked;
}

function checkListeners<Req>(
  owner: string,
  listeners: RateLimitHttpListeners<Req> | undefined,
): RateLimitHttpListeners<Req> {
  const on = readOptions<RateLimitHttpListeners<Req>>(owner, listeners, { reject: undefined, refund: undefined }, 'on');
  for (const [name, listener] of Object.entries(on)) checkOptionalFunction(owner, `on.${name}`, listener);
  return on;
}

function checkDialects(
  owner: string,
  headers: RateLimitDialect | readonly RateLimitDialect[] | false = 'draft-10',
): readonly RateLimitDialect[] {
  if (headers === false) return [];
  const given: readonly RateLimitDialect[] = Array.isArray(headers) ? [...headers] : [headers as RateLimitDialect];
  for (const dialect of given) checkOneOf(owner, 'headers', dialect, RATE_LIMIT_DIALECTS);
  if (given.filter((dialect) => dialect !== 'x-ratelimit').length > 1) {
    throw new InvalidOptionError(
      owner,
      'headers',
      'must not contain two drafts, because their fields have the same names',
      headers,
    );
  }
  return given;
}

function checkLabels(
  owner: string,
  { policies, name, window, per }: Pick<AnyHttpOptions<[]>, 'policies' | 'name' | 'window' | 'per'>,
): HttpSettings<[]>['policies'] {
  if (policies === undefined) return [checkLabel(owner, '', { name: name ?? 'default', window: window ?? per })];
  if (!Array.isArray(policies) || policies.length === 0) {
    throw new InvalidOptionError(owner, 'policies', 'must be a non-empty array', policies);
  }
  if (name !== undefined) throw new InvalidOptionError(owner, 'name', 'has no effect beside "policies"', name);
  if (window !== undefined) throw new InvalidOptionError(owner, 'window', 'has no effect beside "policies"', window);
  return policies.map((label: PolicyLabel, index) => {
    const option = `policies[${index}]`;
    return checkLabel(owner, `${option}.`, readOptions(owner, label, { name: undefined, window: undefined }, option));
  });
}

function checkLabel(owner: string, path: string, label: Partial<PolicyLabel>): HttpSettings<[]>['policies'][number] {
  const { name, window } = label;
  quoteName(owner, `${path}name`, name);
  return { name: name as string, windowMs: window === undefined ? undefined : toMs(owner, `${path}window`, window) };
}
