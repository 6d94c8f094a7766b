import type { Clock } from '../../core/clock.js';
import { type Duration, toMs } from '../../core/duration.js';
import { InvalidOptionError } from '../../core/errors.js';
import {
  checkBoolean,
  checkMethods,
  checkName,
  checkNumber,
  checkOneOf,
  checkOptionalFunction,
  readOptions,
} from '../../core/options.js';
import type { Outcome } from '../../core/outcome.js';
import type { Permit } from '../../core/permit.js';
import { checkRandom, type Random } from '../../core/random.js';
import { NO_TERMS_OPTIONS, RequestTerms, type RequestTermsOptions } from '../request-terms.js';

/** A limit of concurrent requests. `bulkhead` and `adaptiveLimit` have these methods; a custom limit can too. */
export interface AdmissionLimit {
  /** Returns a permit, or undefined if none is free. */
  tryAcquire(): Pick<Permit, 'release'> | undefined;
  /**
   * Waits for a permit; rejects if there is no place in the queue, or when the signal aborts. Without this method, a
   * request is rejected at once if no permit is free.
   */
  acquire?(options: { readonly signal: AbortSignal; readonly priority: number }): Promise<Pick<Permit, 'release'>>;
}

/** When requests are shed because of the event loop. */
export interface EventLoopOptions {
  /**
   * The delay of the event loop at which all requests are shed: a duration above 0. The share of shed requests grows from
   * 0 at half of this delay. The largest delay of the last second counts.
   * @defaultValue '100ms'
   */
  readonly maxDelay?: Duration | undefined;
  /**
   * The share of time in which the event loop is busy from which on requests are shed: a number in (0, 1). The share of
   * shed requests grows from 0 here to all of them when the loop is never idle. Measured over half a second. A busy loop
   * without delay serves its requests well, so this is off by default. Only Node measures it.
   * @defaultValue none
   */
  readonly maxUtilization?: number | undefined;
}

/** When requests are shed because of memory. */
export interface MemoryOptions {
  /**
   * The share of the heap limit from which on nine of ten requests are shed: a number in (0, 1]. The tenth is admitted,
   * since memory is only collected while something is allocated. Only runtimes with V8's statistics measure it.
   * @defaultValue 0.9
   */
  readonly maxHeapShare?: number | undefined;
}

/** Why a request was rejected. */
export type AdmissionReason = 'event-loop' | 'utilization' | 'memory' | 'limit' | 'deadline';

/** A request that was rejected, or would have been rejected in mode 'observe'. */
export interface AdmissionRejection<Req> {
  /** Why the request was rejected. */
  readonly reason: AdmissionReason;
  /** The priority of the request. */
  readonly priority: number;
  /** Whether the request was rejected; false in mode 'observe'. */
  readonly enforced: boolean;
  /** The request. */
  readonly request: Req;
}

/** Listeners of `admissionMiddleware` and `admissionHandler`. */
export interface AdmissionListeners<Req> {
  /** Called for a request that was rejected. In mode 'observe', `enforced` is false and the request passes. */
  readonly reject?: ((event: AdmissionRejection<Req>) => void) | undefined;
}

/** The deadline and trust options of admission. */
export type AdmissionDeadlineOptions = Pick<RequestTermsOptions<[]>, 'header' | 'margin'>;

/** Options that `admissionMiddleware` and `admissionHandler` share. `Args` are the arguments of the functions. */
export interface AdmissionOptions<Args extends readonly unknown[]> {
  /**
   * The limit of concurrent requests, such as `bulkhead({ maxConcurrent: 100, maxQueue: 100 })`. A permit is held until
   * the response has ended or the client has left.
   * @defaultValue none
   */
  readonly limit?: AdmissionLimit | undefined;
  /** Sheds requests when the event loop is late. False turns it off. @defaultValue `{ maxDelay: '100ms' }` */
  readonly eventLoop?: EventLoopOptions | false | undefined;
  /** Sheds requests when the heap is nearly full. False turns it off. @defaultValue false */
  readonly memory?: MemoryOptions | boolean | undefined;
  /** See `deadlineMiddleware`. The least important requests are shed first. @defaultValue none: the priority is 5 */
  readonly priority?: RequestTermsOptions<Args>['priority'];
  /** The peers whose header fields are read; see `deadlineMiddleware`. @defaultValue all, but none for the priority */
  readonly trustedPeers?: readonly string[] | undefined;
  /**
   * Reads the deadline of requests as `deadlineMiddleware` does, on arrival and again after the queue of the `limit`. A
   * request with less than `margin` left is answered with status 504.
   * @defaultValue false
   */
  readonly deadline?: AdmissionDeadlineOptions | boolean | undefined;
  /**
   * Returns true for a request that is never rejected and needs no permit, such as one for health or metrics. An
   * overloaded process that fails its health check is restarted, and its load moves to the others.
   * @defaultValue none
   */
  readonly never?: ((...args: Args) => boolean) | undefined;
  /**
   * The least value of `Retry-After`: a duration above 0. A whole number of seconds between it and its double is sent, at
   * random: otherwise all rejected clients would return together.
   * @defaultValue '1s'
   */
  readonly retryAfter?: Duration | undefined;
  /**
   * Whether requests are rejected. `'observe'` counts and emits events, but rejects no request and lets none wait.
   * @defaultValue 'enforce'
   */
  readonly mode?: 'enforce' | 'observe' | undefined;
  /** The name in errors. @defaultValue 'admission' */
  readonly name?: string | undefined;
  /** The listeners to notify about rejections. @defaultValue none */
  readonly on?: AdmissionListeners<Args[0]> | undefined;
  /** The clock of the event loop's delay and of deadlines. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
  /** The random source. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/** Counters and the present load. */
export interface AdmissionStats {
  /** The number of requests that were passed on. */
  readonly admitted: number;
  /** The number of requests that were rejected, or would have been rejected in mode 'observe'. */
  readonly rejected: number;
  /** The largest delay of the event loop in the last second, in milliseconds. */
  readonly eventLoopDelayMs: number;
  /** The share of requests that is shed now because of the load of this process: 0 to 1. */
  readonly shedShare: number;
}

/** All undefined, for reading the options. */
export const NO_ADMISSION_OPTIONS = {
  limit: undefined,
  eventLoop: undefined,
  memory: undefined,
  priority: undefined,
  trustedPeers: undefined,
  deadline: undefined,
  never: undefined,
  retryAfter: undefined,
  mode: undefined,
  name: undefined,
  on: undefined,
  clock: undefined,
  random: undefined,
};

/** The checked options. */
export interface AdmissionSettings<Args extends readonly unknown[]> {
  readonly name: string;
  readonly limit: AdmissionLimit | undefined;
  readonly maxDelayMs: number;
  readonly maxUtilization: number;
  readonly maxHeapShare: number;
  readonly terms: RequestTerms<Args>;
  readonly readsDeadline: boolean;
  readonly never: AdmissionOptions<Args>['never'];
  readonly retryAfterSeconds: number;
  readonly isEnforced: boolean;
  readonly on: AdmissionListeners<Args[0]>;
  readonly random: Random;
}

/** @throws InvalidOptionError if an option is invalid. */
export function checkAdmission<Args extends readonly unknown[]>(
  owner: string,
  own: AdmissionOptions<Args>,
): AdmissionSettings<Args> {
  const { limit, deadline = false, mode = 'enforce', retryAfter = '1s' } = own;
  const on = readOptions<AdmissionListeners<Args[0]>>(owner, own.on, { reject: undefined }, 'on');
  const { priority, trustedPeers, clock } = own;
  const ofDeadline =
    typeof deadline === 'object'
      ? readOptions<AdmissionDeadlineOptions>(owner, deadline, { header: undefined, margin: undefined }, 'deadline')
      : {};
  if (typeof deadline !== 'object') checkBoolean(owner, 'deadline', deadline);
  return {
    name: checkName(owner, own.name ?? 'admission'),
    limit: limit === undefined ? undefined : checkMethods(owner, 'limit', limit, ['tryAcquire']),
    ...checkEventLoop(owner, own.eventLoop),
    maxHeapShare: checkMemory(owner, own.memory),
    terms: new RequestTerms(owner, { ...NO_TERMS_OPTIONS, ...ofDeadline, priority, trustedPeers, clock }),
    readsDeadline: deadline !== false,
    never: checkOptionalFunction(owner, 'never', own.never),
    retryAfterSeconds: Math.ceil(toMs(owner, 'retryAfter', retryAfter) / 1000),
    isEnforced: checkOneOf(owner, 'mode', mode, ['enforce', 'observe']) === 'enforce',
    on: { reject: checkOptionalFunction(owner, 'on.reject', on.reject) },
    random: checkRandom(owner, own.random),
  };
}

function checkEventLoop(owner: string, options: AdmissionOptions<[]>['eventLoop']) {
  if (options === false) return { maxDelayMs: Infinity, maxUtilization: 1 };
  const defaults = { maxDelay: '100ms', maxUtilization: undefined } as const;
  const { maxDelay, maxUtilization } = readOptions<EventLoopOptions>(owner, options, defaults, 'eventLoop');
  const utilization =
    maxUtilization === undefined
      ? 1
      : checkNumber(owner, 'eventLoop.maxUtilization', maxUtilization, { above: 0, max: 1 });
  return { maxDelayMs: toMs(owner, 'eventLoop.maxDelay', maxDelay), maxUtilization: utilization };
}

function checkMemory(owner: string, options: AdmissionOptions<[]>['memory'] = false): number {
  if (typeof options === 'boolean') return options ? 0.9 : Infinity;
  if (typeof options !== 'object') {
    throw new InvalidOptionError(owner, 'memory', 'must be an object of options, or a boolean', options);
  }
  const { maxHeapShare } = readOptions<MemoryOptions>(owner, options, { maxHeapShare: 0.9 }, 'memory');
  return checkNumber(owner, 'memory.maxHeapShare', maxHeapShare, { above: 0, max: 1 });
}

/** The outcome that a permit is released with: limits that adapt measure by it. */
export const outcomeOf = (status: number): Outcome => ({ ok: true, value: { statusCode: status } });
