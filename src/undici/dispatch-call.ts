import type { CallContext } from '../core/call-context.js';
import type { Clock } from '../core/clock.js';
import { asContext, type PolicyContext, setKey, setRepeatable } from '../core/context.js';
import { InvalidOptionError } from '../core/errors.js';
import { wasNeverSent } from '../core/never-sent.js';
import type { Classify, Outcome } from '../core/outcome.js';
import {
  askBeforeRetry,
  type BeforeRetry,
  type ChangeableCall,
  type ChangeableOperation,
} from '../fetch/before-retry.js';
import type { CallSettings } from '../fetch/call-options.js';
import { notify } from '../fetch/default-policy.js';
import type { OutgoingDeadline } from '../fetch/outgoing-deadline.js';
import type { FetchPolicies } from '../fetch/policies.js';
import { isSafe, type OutgoingRequest } from '../fetch/request.js';
import { changedOptions } from './changed-options.js';
import type { Dispatch, DispatchOptions, ResponseHandler } from './dispatcher.js';
import { type DrainSettings, Exchange } from './exchange.js';
import { CallbackExchange, ControllerExchange } from './exchange-styles.js';
import { captureOptions, DispatchedRequest, isOneShot, isReusable } from './outgoing.js';
import { withDeadline } from './outgoing-deadline.js';
import { Receiver } from './receiver.js';
import { ReplayableBody } from './replayable-body.js';

const OWNER = 'resilient';

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
export class DispatchCall implements ChangeableCall {
  readonly #downstream: Downstream;
  #options: DispatchOptions;
  readonly #settings: DispatchSettings;
  readonly #own: CallSettings;
  readonly #receiver: Receiver;
  readonly #controller = new AbortController();
  #request: DispatchedRequest;
  /** The body, if it can be read only once; undefined for any other. */
  #body: ReplayableBody | undefined;
  /** Whether the request may be sent twice, apart from its body. */
  #isSafe: boolean;
  #key: string;
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
    this.#options = mayRepeat ? captureOptions(options, replayLimit) : options;
    this.#request = requestOf(this.#options);
    this.#key = this.#keyOf(this.#request);
    this.#isSafe = this.#isRepeatable(this.#request);
    this.#body = this.#recordBody();
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

  /** The method of the request, in upper case. */
  get method(): string {
    return this.#request.method;
  }

  /** Whether the request may be sent again while it is in flight: not with a body, which would be read by two attempts. */
  get mayOverlap(): boolean {
    return this.#body === undefined && isSafe(this.#request);
  }

  async prepare(beforeRetry: BeforeRetry, attempt: number, outcome: Outcome, context: CallContext): Promise<void> {
    const [options, request, { signal }] = [this.#options, this.#request, context];
    const event = { attempt, outcome, request: request.copy(), signal };
    const changed = await askBeforeRetry(OWNER, beforeRetry, event, request.url, (changes) =>
      changedOptions(OWNER, options, changes),
    );
    if (changed === undefined || signal.aborted) return;
    this.#options = changed;
    this.#request = requestOf(changed);
    this.#isSafe = this.#isRepeatable(this.#request);
    if (changed.body !== options.body) {
      this.#body?.finish();
      this.#body = this.#recordBody();
    }
    this.#key = this.#keyOf(this.#request);
    setKey(context, this.#key);
  }

  #keyOf(request: DispatchedRequest): string {
    return this.#own.key ?? this.#settings.key?.(request) ?? request.origin ?? this.#downstream.key;
  }

  #isRepeatable(request: DispatchedRequest): boolean {
    const { repeatable = this.#settings.repeatable } = this.#own;
    const result = repeatable(request);
    if (typeof result === 'boolean') return result;
    throw new InvalidOptionError(OWNER, 'repeatable', 'must return true or false', result);
  }

  /** Returns the body for all attempts, if it can be read only once. */
  #recordBody(): ReplayableBody | undefined {
    const { mayRepeat, replayLimit } = this.#settings;
    const { body } = this.#options;
    // The body of a request that must not be repeated is not recorded, but can be sent again as long as it is unread.
    return isOneShot(body) ? new ReplayableBody(body, mayRepeat && this.#isSafe ? replayLimit : 0) : undefined;
  }

  /** Discards all responses but the returned one. */
  #end(returned: Exchange | undefined): void {
    for (const exchange of this.#exchanges) if (exchange !== returned) exchange.discard();
    this.#body?.finish();
  }

  async #execute(): Promise<Exchange> {
    const { policies, classify, clock } = this.#settings;
    const { call: policy, timeoutMs: timeout } = policies.for(this.#own);
    const operation: ChangeableOperation = (context) => this.#attempt(context) as unknown as Promise<Response>;
    operation.changeable = this;
    const { call: listener } = policies.on;
    const startedAt = listener === undefined ? 0 : clock.now();
    const { signal } = this.#controller;
    const options = { signal, key: this.#key, timeout, priority: this.#own.priority, repeatable: this.#mayRepeat };
    const running = policy.attempt(operation, { ...options, classify: this.#own.classify ?? classify });
    const outcome = await running;
    if (listener !== undefined) {
      const durationMs = clock.now() - startedAt;
      const hedges = this.#hedges;
      const attempts = this.#exchanges.length - hedges;
      notify(listener, { key: this.#key, method: this.method, outcome, durationMs, attempts, hedges });
    }
    if (!outcome.ok) throw outcome.error;
    return this.#checkOwn(outcome.value);
  }

  /** Checks that a policy of the caller returns a response of this call. */
  #checkOwn(value: unknown): Exchange {
    if (value instanceof Exchange && this.#exchanges.includes(value) && !value.isDiscarded) return value;
    const rule = 'must return an unread response of this request, and not one of its own or of another request';
    throw new InvalidOptionError(OWNER, 'policy', rule, value);
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
    if (isHedge && this.#latest !== undefined && !this.mayOverlap) {
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

/** Returns a request as `key` and `repeatable` see it. undici rejects a method that is no string. */
const requestOf = (options: DispatchOptions): DispatchedRequest =>
  new DispatchedRequest(options, String(options.method).toUpperCase());
