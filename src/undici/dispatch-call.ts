import type { CallContext } from '../core/call-context.js';
import type { Clock } from '../core/clock.js';
import { asContext, type PolicyContext, setRepeatable } from '../core/context.js';
import { InvalidOptionError } from '../core/errors.js';
import { wasNeverSent } from '../core/never-sent.js';
import type { Classify } from '../core/outcome.js';
import type { ChangeableCall, ChangeableOperation } from '../fetch/before-retry.js';
import type { CallSettings } from '../fetch/call-options.js';
import { notify } from '../fetch/default-policy.js';
import type { OutgoingDeadline } from '../fetch/outgoing-deadline.js';
import type { FetchPolicies } from '../fetch/policies.js';
import { isSafe, type OutgoingRequest } from '../fetch/request.js';
import type { Dispatch, DispatchOptions, ResponseHandler } from './dispatcher.js';
import { type DrainSettings, Exchange } from './exchange.js';
import { CallbackExchange, ControllerExchange } from './exchange-styles.js';
import { captureOptions, DispatchedRequest, isOneShot, isReusable } from './outgoing.js';
import { withDeadline } from './outgoing-deadline.js';
import { Receiver } from './receiver.js';
import { ReplayableBody } from './replayable-body.js';

/** Settings that all calls of one interceptor share. */
export interface DispatchSettings {
  readonly clock: Clock;
  readonly policies: FetchPolicies;
  readonly classify: Classify;
  /** Returns the key of a request; undefined for its origin. */
  readonly key: ((request: OutgoingRequest) => string) | undefined;
  readonly repeatable: (request: OutgoingRequest) => boolean;
  /** Whether the policy may make a second attempt. */
  readonly mayRepeat: boolean;
  readonly replayLimit: number;
  readonly drain: DrainSettings;
  /** The header field with the deadline; undefined if none is sent. */
  readonly deadline: OutgoingDeadline | undefined;
}

/** A dispatcher with the interceptor. */
export interface Downstream {
  readonly dispatch: Dispatch;
  /** The key of requests without an origin: those of a dispatcher for one origin, such as a `Pool`. */
  readonly key: string;
}

/** One request of a dispatcher, with all its attempts. */
export class DispatchCall {
  readonly #downstream: Downstream;
  readonly #options: DispatchOptions;
  readonly #settings: DispatchSettings;
  readonly #own: CallSettings;
  readonly #receiver: Receiver;
  readonly #controller = new AbortController();
  readonly #method: string;
  readonly #request: DispatchedRequest;
  /** The body, if it can be read only once; undefined for any other. */
  readonly #body: ReplayableBody | undefined;
  /** Whether the request may be sent twice, apart from its body. */
  readonly #isSafe: boolean;
  readonly #key: string;
  /** The attempts so far. */
  readonly #exchanges: Exchange[] = [];
  /** The attempt of a request that must not be sent again. */
  #lastAttempt: Promise<Exchange> | undefined;
  /** The last attempt, without its hedges. */
  #latest: Promise<Exchange> | undefined;
  #hedges = 0;

  /** @throws InvalidOptionError if `repeatable` returns no boolean, and the errors of `key` and `repeatable`. */
  constructor(
    downstream: Downstream,
    options: DispatchOptions,
    handler: ResponseHandler,
    settings: DispatchSettings,
    own: CallSettings,
  ) {
    const { mayRepeat, replayLimit } = settings;
    this.#downstream = downstream;
    this.#settings = settings;
    this.#own = own;
    this.#method = String(options.method).toUpperCase(); // undici rejects one that is no string
    this.#options = mayRepeat ? captureOptions(options, replayLimit) : options;
    const request = new DispatchedRequest(this.#options, this.#method);
    this.#request = request;
    this.#key = own.key ?? settings.key?.(request) ?? request.origin ?? downstream.key;
    this.#isSafe = isRepeatable(request, own.repeatable ?? settings.repeatable);
    const { body } = this.#options;
    // The body of a request that must not be repeated is not recorded, but can be sent again as long as it is unread.
    if (isOneShot(body)) this.#body = new ReplayableBody(body, mayRepeat && this.#isSafe ? replayLimit : 0);
    this.#receiver = new Receiver(handler, (reason) => this.#controller.abort(reason));
  }

  /** Sends the request under the policies. Never throws. @param onEnd - called at the response headers, or the failure. */
  run(onEnd: () => void): void {
    if (!this.#receiver.start()) {
      onEnd();
      this.#body?.finish();
      if (this.#receiver.aborted) this.#receiver.fail(this.#receiver.reason);
      return;
    }
    this.#execute().then(
      (exchange) => {
        onEnd();
        this.#end(exchange);
        if (!this.#receiver.aborted) return exchange.passOn();
        exchange.abort(this.#receiver.reason);
        this.#receiver.fail(this.#receiver.reason);
      },
      (error) => {
        onEnd();
        this.#end(undefined);
        this.#receiver.fail(error);
      },
    );
  }

  /** Discards all responses but the returned one. */
  #end(returned: Exchange | undefined): void {
    for (const exchange of this.#exchanges) if (exchange !== returned) exchange.discard();
    this.#body?.finish();
  }

  async #execute(): Promise<Exchange> {
    const { policies, classify, clock } = this.#settings;
    const key = this.#key;
    const { call: policy, timeoutMs: timeout } = policies.for(this.#own);
    const operation: ChangeableOperation = (context) => this.#attempt(context) as unknown as Promise<Response>;
    operation.changeable = { method: this.#method } as ChangeableCall;
    const { call: listener } = policies.on;
    const startedAt = listener === undefined ? 0 : clock.now();
    const { signal } = this.#controller;
    const options = { signal, key, timeout, priority: this.#own.priority, repeatable: this.#mayRepeat };
    const running = policy.attempt(operation, { ...options, classify: this.#own.classify ?? classify });
    const outcome = await running;
    if (listener !== undefined) {
      const durationMs = clock.now() - startedAt;
      const hedges = this.#hedges;
      const attempts = this.#exchanges.length - hedges;
      notify(listener, { key, method: this.#method, outcome, durationMs, attempts, hedges });
    }
    if (!outcome.ok) throw outcome.error;
    return this.#checkOwn(outcome.value);
  }

  /** Checks that a policy of the caller returns a response of this call. */
  #checkOwn(value: unknown): Exchange {
    if (value instanceof Exchange && this.#exchanges.includes(value) && !value.isDiscarded) return value;
    const rule = 'must return an unread response of this request, and not one of its own or of another request';
    throw new InvalidOptionError('resilient', 'policy', rule, value);
  }

  /** Whether the request may be sent again, as far as it is known. */
  get #mayRepeat(): boolean {
    return this.#isSafe && this.#canSendBodyAgain;
  }

  get #canSendBodyAgain(): boolean {
    return this.#body?.isReplayable ?? isReusable(this.#options.body, this.#settings.replayLimit);
  }

  /** Makes one attempt. If the request must not be sent again, returns the last attempt again. */
  #attempt(context: CallContext): Promise<Exchange> {
    // A request that must not be repeated is sent once, even if the policy asks for another attempt.
    if (this.#lastAttempt !== undefined) return this.#lastAttempt;
    const isHedge = context.hedge > 0;
    if (isHedge && this.#latest !== undefined && (this.#body !== undefined || !isSafe(this.#request))) {
      return this.#latest; // a policy of the caller hedges a request that must not be sent twice at the same time
    }
    const present = withDeadline(this.#options, this.#settings.deadline, context);
    if (isHedge) this.#hedges++;
    else for (const earlier of this.#exchanges) if (earlier.hasResponded) earlier.discard(); // not good enough
    const Style = this.#receiver.isOldStyle ? CallbackExchange : ControllerExchange;
    const exchange = new Style(this.#receiver, this.#settings.drain);
    this.#exchanges.push(exchange);
    const options = this.#body === undefined ? present : { ...present, body: this.#body.next() };
    const sent = exchange.send(this.#downstream.dispatch, options, asContext(context as PolicyContext).scope).then(
      () => {
        if (!this.#mayRepeat) setRepeatable(context, false);
        return exchange;
      },
      (error) => {
        const isUnsent = this.#settings.mayRepeat && this.#canSendBodyAgain && wasNeverSent(error);
        if (isUnsent) this.#lastAttempt = undefined;
        setRepeatable(context, isUnsent || this.#mayRepeat);
        throw error;
      },
    );
    if (!this.#mayRepeat) this.#lastAttempt = sent;
    if (!isHedge) this.#latest = sent;
    return sent;
  }
}

function isRepeatable(request: OutgoingRequest, repeatable: DispatchSettings['repeatable']): boolean {
  const result = repeatable(request);
  if (typeof result === 'boolean') return result;
  throw new InvalidOptionError('resilient', 'repeatable', 'must return true or false', result);
}
