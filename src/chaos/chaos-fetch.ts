import { type AbortScope, scopeOf } from '../core/abort-scope.js';
import { InvalidOptionError } from '../core/errors.js';
import type { FaultPlan } from '../core/fault-plan.js';
import { checkFunction, checkName, readOptions } from '../core/options.js';
import { copyHeaders, readRequestInit } from '../core/request-init.js';
import { requireGlobal } from '../core/require-global.js';
import { type ChaosControl, runOf } from './chaos-control.js';
import type { ChaosRun } from './chaos-run.js';
import { FaultScript, type PlannedEffect } from './fault-script.js';
import { changeHeaders, slowBody, truncateBody } from './faulty-body.js';
import { checkHttpFaults, type HttpFault, type HttpStatus } from './http-faults.js';
import { fetchErrors } from './imitations.js';
import { drawLatency } from './injection-policies.js';
import { checkTarget, deliverLate } from './plan-policy.js';

const OWNER = 'chaosFetch';

/** Any function with the signature of `fetch`: the platform's, undici's or a mock. */
export type InjectableFetch = (input: never, init?: never) => Promise<unknown>;

/** Options of `chaosFetch`. At least one of `faults` and `plan` is required. */
export interface ChaosFetchOptions {
  /** The control that enables and ends the injection, made by `chaosControl`. */
  readonly control: ChaosControl;
  /**
   * Faults that each affect a share of the requests. They are drawn in this order, and the first one that leaves the
   * request unsent is the last one.
   * @defaultValue none
   */
  readonly faults?: readonly HttpFault[] | undefined;
  /** Faults at fixed times of the run, in the format of `simulate`. @defaultValue none */
  readonly plan?: FaultPlan | undefined;
  /**
   * The name of the dependency in the plan: a string that is not empty.
   * @defaultValue the host name of each URL, as in `simulatedFetch`
   */
  readonly target?: string | undefined;
  /** The name of the fetch in errors, events and responses. @defaultValue 'chaosFetch' */
  readonly name?: string | undefined;
}

/**
 * Wraps any `fetch` and injects faults of HTTP while a control is active: statuses, header fields, slow and truncated
 * bodies, connections that are refused or reset, requests without an answer, latency, and the faults of a plan. Pass it to
 * `resilientFetch`: `resilientFetch({ fetch: chaosFetch(fetch, …) })`.
 *
 * Rejections have the classes, messages and codes of Node's `fetch`, and a `ChaosError` as the last of their causes. A
 * response that did not come from the server has the header field `x-chaos` with the name of this fetch.
 *
 * O(faults) per request; one comparison while the control is off. One timer per delayed request or slow body.
 *
 * @throws InvalidOptionError for invalid options.
 * @example
 * ```ts
 * import { chaosControl, chaosFetch } from 'breakwater/chaos';
 *
 * const control = chaosControl({ enabled: process.env.CHAOS === '1', maxDuration: '10m' });
 * const fetch = resilientFetch({
 *   fetch: chaosFetch(globalThis.fetch, {
 *     control,
 *     faults: [
 *       { kind: 'status', rate: 0.01, status: 503, headers: { 'retry-after': '1' } },
 *       { kind: 'truncated-body', rate: 0.01, afterBytes: 1000 },
 *     ],
 *   }),
 * });
 * const response = await fetch('https://example.com');
 * console.log(response.status, control.stats.injected);
 * ```
 */
export function chaosFetch<F extends InjectableFetch>(fetch: F, options: ChaosFetchOptions): F {
  checkFunction(OWNER, 'fetch', fetch);
  const own = readOptions<ChaosFetchOptions>(OWNER, options, {
    control: undefined,
    faults: undefined,
    plan: undefined,
    target: undefined,
    name: OWNER,
  });
  const chaos = runOf(OWNER, own.control);
  if (own.faults === undefined && own.plan === undefined) {
    throw new InvalidOptionError(OWNER, 'faults', 'is required if there is no "plan"', own.faults);
  }
  const rules: ChaosFetchRules = {
    name: checkName(OWNER, own.name),
    faults: checkHttpFaults(OWNER, own.faults ?? []),
    script: own.plan === undefined ? undefined : new FaultScript(OWNER, own.plan, chaos.rules.maxDurationMs),
    target: own.target === undefined ? undefined : checkTarget(OWNER, own.target),
  };
  // Called without a receiver: the platform's `fetch` rejects a call as a method of another object.
  const inner: InnerFetch = (input, init) => (fetch as unknown as InnerFetch)(input, init);
  const faulty: InnerFetch = (input, init) => {
    if (chaos.isOff) return inner(input, init);
    try {
      if (!chaos.admitsCall()) return inner(input, init);
      return new FaultyRequest(chaos, rules, inner, input, init).run();
    } catch (error) {
      return Promise.reject(error); // an error of a clock, a random source or a getter of the user
    }
  };
  return Object.defineProperties(faulty, Object.getOwnPropertyDescriptors({ ...fetch })) as unknown as F;
}

type InnerFetch = (input: unknown, init?: unknown) => Promise<Response>;

interface ChaosFetchRules {
  readonly name: string;
  readonly faults: readonly HttpFault[];
  readonly script: FaultScript | undefined;
  readonly target: string | undefined;
}

/** One request, and what is injected into it. */
class FaultyRequest {
  readonly #chaos: ChaosRun;
  readonly #rules: ChaosFetchRules;
  readonly #inner: InnerFetch;
  readonly #input: unknown;
  readonly #init: unknown;
  readonly #signal: AbortSignal | undefined;
  readonly #url: URL | undefined;

  constructor(chaos: ChaosRun, rules: ChaosFetchRules, inner: InnerFetch, input: unknown, init: unknown) {
    this.#chaos = chaos;
    this.#rules = rules;
    this.#inner = inner;
    // The request may be sent later, when the caller may have changed its arguments.
    this.#input = input instanceof URL ? new URL(input) : input;
    this.#init = copyInit(init);
    this.#signal = signalOf(this.#input, this.#init);
    this.#url = urlOf(this.#input);
  }

  run(): Promise<Response> {
    // `fetch` itself rejects a request that is aborted or has no valid URL.
    if (this.#signal?.aborted || this.#url === undefined) return this.#send();
    const target = this.#rules.target ?? this.#url.hostname;
    const effect = this.#rules.script?.effectOn(target, this.#chaos);
    const faults = this.#drawFaults();
    if (effect === undefined) return faults.length === 0 ? this.#send() : this.#sendWith(faults);
    this.#chaos.record(this.#rules.name, effect.kind, target);
    return this.#sendPlanned(effect, target, faults);
  }

  /** Draws the faults of this request; those behind one that leaves it unsent are not drawn. */
  #drawFaults(): readonly HttpFault[] {
    const drawn: HttpFault[] = [];
    for (const fault of this.#rules.faults) {
      if (!this.#chaos.draws(fault.rate)) continue;
      drawn.push(fault);
      if (['status', 'refused', 'reset', 'hang'].includes(fault.kind)) break;
    }
    return drawn;
  }

  async #sendPlanned(effect: PlannedEffect, target: string, faults: readonly HttpFault[]): Promise<Response> {
    const { name } = this.#rules;
    switch (effect.fate) {
      case 'refused':
        throw fetchErrors.refused(name, target);
      case 'error':
        return this.#respond({ kind: 'status', rate: 1, status: 500 });
      case 'no-request':
        await this.#hold(Infinity);
        return this.#sendWith(faults);
      case 'no-answer':
        return this.#late(Infinity, faults);
      case 'late':
        return this.#late(effect.by, faults);
    }
  }

  #late(by: number, faults: readonly HttpFault[]): Promise<Response> {
    return deliverLate(this.#chaos, () => this.#sendWith(faults), this.#scope(), by);
  }

  async #sendWith(faults: readonly HttpFault[]): Promise<Response> {
    for (const fault of faults) {
      const unsent = await this.#beforeSending(fault);
      if (unsent !== undefined) return unsent;
    }
    let response = await this.#send();
    for (const fault of faults) {
      const changed = this.#afterHeaders(fault, response);
      if (changed !== response) this.#record(fault);
      response = changed;
    }
    return response;
  }

  /** Applies a fault before the request is sent. Returns the response of a request that is not sent. */
  async #beforeSending(fault: HttpFault): Promise<Response | undefined> {
    const { name } = this.#rules;
    switch (fault.kind) {
      case 'latency':
        this.#record(fault);
        await this.#hold(drawLatency(OWNER, 'latency', fault.latency, this.#chaos.rules.random));
        return undefined;
      case 'hang':
        this.#record(fault);
        await this.#hold(Infinity);
        return undefined;
      case 'refused':
        this.#record(fault);
        throw fetchErrors.refused(name, (this.#url as URL).host);
      case 'reset':
        this.#record(fault);
        throw fetchErrors.reset(name);
      case 'status':
        this.#record(fault);
        return this.#respond(fault);
      default:
        return undefined;
    }
  }

  #afterHeaders(fault: HttpFault, response: Response): Response {
    switch (fault.kind) {
      case 'headers':
        return changeHeaders(response, fault.headers);
      case 'slow-body':
        return slowBody(response, fault.bytesPerSecond, this.#chaos, () => this.#scope());
      case 'truncated-body':
        return truncateBody(response, fault.afterBytes ?? 0, () => fetchErrors.terminated(this.#rules.name));
      default:
        return response;
    }
  }

  #respond({ status, headers, body }: HttpStatus): Response {
    const { name } = this.#rules;
    const text = NO_BODY.includes(status) ? null : (body ?? `The fault injection "${name}" has sent this response.`);
    const response = new (requireGlobal('Response'))(text, {
      status,
      headers: { ...headers, 'x-chaos': encodeURIComponent(name) },
    });
    return Object.defineProperty(response, 'url', { value: (this.#url as URL).href, configurable: true });
  }

  #send(): Promise<Response> {
    return this.#init === undefined ? this.#inner(this.#input) : this.#inner(this.#input, this.#init);
  }

  async #hold(ms: number): Promise<void> {
    await this.#chaos.hold(this.#scope(), ms)?.done;
  }

  /** Returns the scope of the signal. @throws the abort reason if the signal is aborted. */
  #scope(): AbortScope | undefined {
    if (this.#signal === undefined) return undefined;
    if (this.#signal.aborted) throw this.#signal.reason;
    return scopeOf(this.#signal);
  }

  #record({ kind }: HttpFault): void {
    this.#chaos.record(this.#rules.name, kind);
  }
}

/** The statuses of responses that must not have a body. */
const NO_BODY: readonly number[] = [204, 205, 304];

function copyInit(init: unknown): unknown {
  if (typeof init !== 'object' || init === null) return init;
  const copy = readRequestInit(init);
  if (copy.headers !== undefined) copy.headers = copyHeaders(copy.headers);
  return copy;
}

/** Returns the signal of a request: that of the second argument of `fetch`, else that of a `Request`. */
function signalOf(input: unknown, init: unknown): AbortSignal | undefined {
  const { signal } = Object(init) as { readonly signal?: AbortSignal | null };
  if (signal !== undefined) return signal ?? undefined;
  return (Object(input) as Partial<Request>).signal;
}

/** Returns the URL of a request; undefined for one that `fetch` rejects. */
function urlOf(input: unknown): URL | undefined {
  const { url } = Object(input) as Partial<Request>;
  const base = (globalThis as { readonly location?: { readonly href: string } }).location?.href;
  try {
    return new URL(typeof url === 'string' ? url : String(input), base);
  } catch {
    return undefined;
  }
}
