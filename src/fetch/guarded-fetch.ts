import { ambientContext } from '../core/ambient.js';
import { type Clock, checkClock } from '../core/clock.js';
import { DeadlineList } from '../core/deadline-list.js';
import { toMs } from '../core/duration.js';
import { checkBoolean, checkMethods, checkOptionalFunction, readOptions } from '../core/options.js';
import type { Classify, Outcome } from '../core/outcome.js';
import type { CallOptions, Policy } from '../core/policy.js';
import type { RequestSharing } from '../core/request-sharing.js';
import type { Explainable, Explanation } from '../pipeline/index.js';
import {
  type CallSettings,
  checkCallSettings,
  type FetchCallOptions,
  hasCallOptions,
  readCall,
} from './call-options.js';
import { CallerPolicy, mixesCallers } from './caller-policy.js';
import { CallsInFlight } from './calls-in-flight.js';
import { classifyResponse } from './classify-response.js';
import type { FetchSnapshot } from './control.js';
import { DefaultPolicies, notify } from './default-policy.js';
import { type AnyFetch, FetchCall, type FetchSettings, keyOf } from './fetch-call.js';
import { GlobalFetch } from './global-fetch.js';
import { bodyGuardOf, guardBody } from './guarded-body.js';
import type { FetchLike, ResilientFetchOptions } from './options.js';
import type { FetchPolicies } from './policies.js';
import {
  asRequest,
  type CapturedRequest,
  captureRequest,
  type OutgoingRequest,
  type RequestOptions,
  readInit,
  signalOf,
  withInputCopied,
} from './request.js';
import { asResumable, type ResumedCall, type ResumePolicies, Resumption } from './resumption.js';
import { checkSettings } from './settings.js';

const OWNER = 'resilientFetch';

/** A placeholder for the origin that a custom fetch function adds to relative URLs. */
const RELATIVE = 'http://localhost';

/** All defaults are undefined, since some options must not be given together with a custom policy. */
const NO_DEFAULTS = {
  fetch: undefined,
  timeout: undefined,
  attemptTimeout: undefined,
  bodyTimeout: undefined,
  bodyIdleTimeout: undefined,
  resume: undefined,
  retry: undefined,
  circuitBreaker: undefined,
  bulkhead: undefined,
  limit: undefined,
  rateLimit: undefined,
  policy: undefined,
  classify: undefined,
  key: undefined,
  route: undefined,
  dedupe: undefined,
  hedge: undefined,
  propagateDeadline: undefined,
  drainLimit: undefined,
  beforeRetry: undefined,
  repeatable: undefined,
  replayLimit: undefined,
  on: undefined,
  clock: undefined,
  random: undefined,
};

const HEDGES_UNSAFE_CALLS = {
  code: 'hedge-of-unsafe-calls',
  message:
    '"repeatable" decides which requests are hedged: one that changes something may be sent twice at the same time',
} as const;

/** Whether `fetch` accepts the value as its second argument. */
const isInit = (init: unknown): boolean => init === undefined || init === null || typeof init === 'object';

/** A caller's part in a call: its request, and what applies to it alone. */
interface Caller {
  readonly request: CapturedRequest;
  readonly settings: CallSettings;
  readonly fetch: AnyFetch;
  readonly signal: AbortSignal | null;
}

/** What all functions of one `resilientFetch` share. */
export class GuardedFetch {
  readonly policies: FetchPolicies;
  readonly #clock: Clock;
  readonly #settings: FetchSettings;
  /** The `fetch` option; undefined for the global `fetch`. */
  readonly given: AnyFetch | undefined;
  readonly #global: GlobalFetch | undefined;
  readonly #classify: Classify;
  readonly #bodyDeadlines: DeadlineList;
  readonly #idleDeadlines: DeadlineList;
  /** The calls that share responses; undefined if none do. */
  readonly #sharing: RequestSharing | undefined;
  /** The policies of resumptions; undefined if bodies are not resumed. */
  readonly #resuming: ResumePolicies | undefined;
  /** The base of relative URLs, if only the given fetch or route can resolve them. */
  readonly #base: string | undefined;
  /** Whether an attempt holds its slot until the end of the body. */
  readonly #holdsSlot: boolean;
  /** Whether requests are hedged, and whether the caller decides which requests may be repeated. */
  readonly #hedges: boolean;
  readonly #declaresRepeatable: boolean;
  readonly calls = new CallsInFlight(OWNER);

  constructor(options: ResilientFetchOptions<FetchLike> | undefined) {
    const own = readOptions(OWNER, options, NO_DEFAULTS);
    const clock = checkClock(OWNER, own.clock === undefined ? own.policy?.clock : own.clock);
    this.#clock = clock;
    this.#classify = checkOptionalFunction(OWNER, 'classify', own.classify) ?? classifyResponse;
    const { bodyTimeout = Infinity } = own;
    const bodyTimeoutMs = toMs(OWNER, 'bodyTimeout', bodyTimeout, { orInfinity: true });
    this.#bodyDeadlines = new DeadlineList(clock, bodyTimeoutMs, { keepsAlive: false });
    const { bodyIdleTimeout = Infinity, resume = false } = own;
    const idleMs = toMs(OWNER, 'bodyIdleTimeout', bodyIdleTimeout, { orInfinity: true });
    this.#idleDeadlines = new DeadlineList(clock, idleMs);
    this.given = checkOptionalFunction(OWNER, 'fetch', own.fetch) as AnyFetch | undefined;
    this.#global = this.given === undefined ? new GlobalFetch() : undefined;
    this.#settings = checkSettings(own, clock);
    this.policies =
      own.policy === undefined
        ? new DefaultPolicies(own, { owner: OWNER, clock, bodyTimeoutMs, unread: this.#settings })
        : new CallerPolicy(own.policy, own, { owner: OWNER, clock, unread: this.#settings });
    if (checkBoolean(OWNER, 'resume', resume)) this.#resuming = this.policies.resuming;
    if (own.dedupe !== undefined) this.#sharing = checkMethods(OWNER, 'dedupe', own.dedupe, ['start']).start();
    this.#hedges = own.hedge !== undefined;
    this.#declaresRepeatable = own.repeatable !== undefined;
    this.#base = own.fetch === undefined && own.route === undefined ? undefined : RELATIVE;
    // A limit of the caller can hold its slots until the end of the body only with a time limit for the body.
    this.#holdsSlot =
      own.limit === undefined ? own.bulkhead !== false && own.bulkhead?.holdUntil === 'body' : bodyTimeoutMs < Infinity;
  }

  /**
   * Sends a request. Everything that the caller has passed is read before this method returns, since the caller may
   * change it afterwards.
   *
   * @param base - the settings of options that the call does not have.
   */
  fetch(input: unknown, init: RequestOptions | undefined, base: CallSettings): Promise<Response> {
    const other = asRequest(init);
    // In `fetch(url, request)`, everything except the URL comes from the Request.
    if (other !== undefined) {
      const { settings } = readCall(OWNER, other, undefined, base);
      return this.fetch(
        new (other.constructor as typeof Request)(input as string, other as Request),
        undefined,
        settings,
      );
    }
    this.calls.checkOpen();
    const { init: own, settings } = readCall(OWNER, input, readInit(init), base);
    const captured = isInit(init) ? captureRequest(input, own, this.#base) : undefined;
    const signal = captured === undefined ? null : signalOf(captured);
    const direct = this.#global?.forRecursiveCall(signal);
    const fetch = direct ?? this.given ?? (this.#global as GlobalFetch).forCall(signal);
    if (captured === undefined || direct !== undefined) return fetch(input, own ?? init);
    // The options of the call must not reach another instance behind the fetch function.
    const request = hasCallOptions(input) ? withInputCopied(captured) : captured;
    return this.#run({ request, settings, fetch, signal });
  }

  /** Checks options of calls. @throws InvalidOptionError for invalid options, or one that has no effect. */
  checkedSettings(options: FetchCallOptions, base: CallSettings): CallSettings {
    const settings = checkCallSettings(OWNER, options, base);
    this.policies.for(settings);
    return settings;
  }

  /** Explains the policies, together with those of a `resilientFetch` that was given as the `fetch`. */
  explain(settings: CallSettings): Explanation {
    const explained = this.policies.explain(settings);
    const isUnsafe = this.#hedges && (this.#declaresRepeatable || settings.repeatable !== undefined);
    const outer = isUnsafe ? { ...explained, warnings: [...explained.warnings, HEDGES_UNSAFE_CALLS] } : explained;
    const { breakwater: inner } = (this.given ?? {}) as Partial<Explainable>;
    if (typeof inner?.explain !== 'function') return outer;
    const { maxAttempts, amplification, warnings } = inner.explain();
    const isNested = outer.maxAttempts > 1 && maxAttempts > 1;
    const message = 'the given fetch is a resilientFetch that retries too: the attempts multiply';
    return {
      ...outer,
      maxAttempts: outer.maxAttempts * maxAttempts,
      amplification: outer.amplification * amplification,
      warnings: [
        ...outer.warnings,
        ...warnings,
        ...(isNested ? [{ code: 'retry-inside-retry', message } as const] : []),
      ],
    };
  }

  snapshot(): FetchSnapshot {
    const { retryBudget } = this.policies;
    return { inFlight: this.calls.count, retryBudget, keys: this.policies.snapshots() };
  }

  #run(caller: Caller): Promise<Response> {
    const { request, settings, signal } = caller;
    const send = (own: AbortSignal) => this.#send({ ...caller, signal: own }, false);
    const shared = this.#sharing?.share({ ...request, terms: settings }, signal, send);
    if (shared === undefined) return this.#send(caller, true);
    return shared.then((response) => {
      const guarded = bodyGuardOf(response) === undefined && this.#isGuarded(signal) ? guardBody(response) : response;
      this.#guard(guarded, signal, request);
      return guarded;
    });
  }

  /**
   * Sends a request under the policy.
   *
   * @param isForOne - whether the body is for the caller alone, whose signal and time limit then apply to it.
   */
  #send(caller: Caller, isForOne: boolean): Promise<Response> {
    const { request, settings, fetch, signal } = caller;
    const resumable = this.#resuming && asResumable(request);
    const limitsSource = resumable !== undefined || this.#idleDeadlines.durationMs < Infinity;
    const isGuarded = limitsSource || this.#isGuarded(signal);
    const call = new FetchCall(resumable ?? request, fetch, this.#settings, settings, isGuarded);
    const policies = this.policies.for(settings);
    const options = this.#optionsOf(call, settings, signal, call.repeatable, policies.timeoutMs);
    if (!isGuarded) return this.#execute(call, policies.call, options, undefined);
    return this.#execute(call, policies.call, options, (response) => {
      if (limitsSource) this.#limitSource(response, resumable && call, caller, policies.resumption);
      if (isForOne) this.#guard(response, signal, request);
    });
  }

  #optionsOf(
    { key }: FetchCall,
    { classify = this.#classify, priority }: CallSettings,
    signal: AbortSignal | null,
    repeatable: boolean,
    timeout: number | undefined,
  ): CallOptions {
    return { signal, classify, key, priority, repeatable, timeout };
  }

  /** Runs a call under a policy. Calls `onResponse` before the response is returned. */
  #execute(
    call: FetchCall,
    policy: Policy,
    options: CallOptions,
    onResponse: ((response: Response) => void) | undefined,
  ): Promise<Response> {
    const { call: listener } = this.policies.on;
    const startedAt = listener === undefined ? 0 : this.#clock.now();
    const end = (outcome: Outcome<Response>) => {
      call.end(outcome.ok ? outcome.value : undefined);
      this.calls.leave();
      if (listener === undefined) return;
      const { key, method, attempts, hedges } = call;
      notify(listener, { key, method, outcome, durationMs: this.#clock.now() - startedAt, attempts, hedges });
    };
    const running = policy.execute(call.operation, options);
    this.calls.enter();
    call.captureIfWaiting();
    return running.then(
      (response) => {
        end({ ok: true, value: response });
        if (!call.takeOwnership(response)) throw mixesCallers(OWNER, policy);
        onResponse?.(response);
        return response;
      },
      (error) => {
        end({ ok: false, error });
        throw error;
      },
    );
  }

  /** Whether a body for a caller with this signal needs a guard. */
  #isGuarded(signal: AbortSignal | null): boolean {
    const hasOuterEnd = signal !== null || ambientContext() !== undefined;
    return hasOuterEnd || this.#bodyDeadlines.durationMs < Infinity || this.#holdsSlot;
  }

  /** Applies what concerns the connection that the body comes from: the time limit for a chunk, and resumptions. */
  #limitSource(response: Response, call: FetchCall | undefined, caller: Caller, policy: Policy): void {
    const body = bodyGuardOf(response);
    if (this.#idleDeadlines.durationMs < Infinity) body?.limitIdle(this.#idleDeadlines);
    if (call === undefined || call.method !== 'GET' || this.#resuming === undefined || body === undefined) return;
    const { settings, fetch } = caller;
    const resumed: ResumedCall = {
      request: call.request,
      classify: settings.classify ?? this.#classify,
      keyOf: (request) => keyOf(request, this.#settings, settings),
      send: (part, key, signal) => {
        const own = { ...settings, key };
        const single = new FetchCall(part, fetch, this.#settings, own, this.#holdsSlot);
        const options = this.#optionsOf(single, own, signal, false, undefined);
        return this.#execute(single, policy, options, undefined);
      },
    };
    const resumption = Resumption.of(resumed, response, this.#settings.route !== undefined, this.#resuming);
    if (resumption !== undefined) body.continueWith(resumption);
  }

  /**
   * Applies what continues after the headers: the caller's signal and request context, and the time limit for reading
   * the body.
   */
  #guard(response: Response, signal: AbortSignal | null, request: OutgoingRequest): void {
    const body = bodyGuardOf(response);
    // The signal of a Request follows the caller's only as long as the Request is referenced.
    body?.whenEnded(() => void request);
    const context = ambientContext();
    if (signal !== null) body?.follow(signal);
    if (context !== undefined) body?.followContext(context);
    if (this.#bodyDeadlines.durationMs < Infinity) body?.limit(this.#bodyDeadlines);
    else if (signal === null && context === undefined) body?.closeWhenDropped();
  }
}
