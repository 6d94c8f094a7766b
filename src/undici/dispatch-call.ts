import type { CallContext } from '../core/call-context.js';
import type { Clock } from '../core/clock.js';
import { setRepeatable } from '../core/context.js';
import { InvalidOptionError } from '../core/errors.js';
import { wasNeverSent } from '../core/never-sent.js';
import type { Classify } from '../core/outcome.js';
import type { ChangeableCall, ChangeableOperation } from '../fetch/before-retry.js';
import type { CallSettings } from '../fetch/call-options.js';
import { notify } from '../fetch/default-policy.js';
import type { FetchPolicies } from '../fetch/policies.js';
import type { OutgoingRequest } from '../fetch/request.js';
import type { Dispatch, DispatchOptions, ResponseHandler } from './dispatcher.js';
import { CallbackExchange, ControllerExchange, type DrainSettings, type Exchange } from './exchange.js';
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
}

/** One request of a dispatcher, with all its attempts. */
export class DispatchCall {
  readonly #dispatch: Dispatch;
  readonly #options: DispatchOptions;
  readonly #settings: DispatchSettings;
  readonly #own: CallSettings;
  readonly #receiver: Receiver;
  readonly #controller = new AbortController();
  readonly #method: string;
  /** The body, if it can be read once; undefined for any other. */
  #body: ReplayableBody | undefined;
  #latest: Exchange | undefined;
  #attempts = 0;
  #isSafe = false;
  /** The attempt of a request that must not be sent again. */
  #lastAttempt: Promise<Exchange> | undefined;

  constructor(
    dispatch: Dispatch,
    options: DispatchOptions,
    handler: ResponseHandler,
    settings: DispatchSettings,
    own: CallSettings,
  ) {
    this.#dispatch = dispatch;
    this.#options = options;
    this.#settings = settings;
    this.#own = own;
    this.#method = options.method.toUpperCase();
    this.#receiver = new Receiver(handler, (reason) => this.#controller.abort(reason));
  }

  /** Sends the request under the policies. Never throws. @param onEnd - called when the headers are there, or never will. */
  run(onEnd: () => void): void {
    if (!this.#receiver.start()) {
      onEnd();
      if (this.#receiver.aborted) this.#receiver.fail(this.#receiver.reason);
      return;
    }
    this.#execute().then(
      (exchange) => {
        onEnd();
        this.#body?.finish();
        exchange.passOn();
      },
      (error) => {
        onEnd();
        this.#latest?.discard();
        this.#body?.finish();
        this.#receiver.fail(error);
      },
    );
  }

  async #execute(): Promise<Exchange> {
    const { policies, classify, clock } = this.#settings;
    const request = new DispatchedRequest(this.#options, this.#method);
    const key = this.#own.key ?? this.#settings.key?.(request) ?? request.origin;
    this.#isSafe = this.#isRepeatable(request);
    const { body } = this.#options;
    if (this.#isSafe && this.#settings.mayRepeat && isReadOnce(body)) {
      this.#body = new ReplayableBody(body, this.#settings.replayLimit);
    }
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
      notify(listener, { key, method: this.#method, outcome, durationMs, attempts: this.#attempts });
    }
    if (outcome.ok) return outcome.value as unknown as Exchange;
    throw outcome.error;
  }

  #isRepeatable(request: OutgoingRequest): boolean {
    const result = (this.#own.repeatable ?? this.#settings.repeatable)(request);
    if (typeof result === 'boolean') return result;
    throw new InvalidOptionError('resilient', 'repeatable', 'must return true or false', result);
  }

  /** Whether the request may be sent again, as far as it is known. */
  get #mayRepeat(): boolean {
    return this.#isSafe && this.#canSendBodyAgain;
  }

  get #canSendBodyAgain(): boolean {
    return this.#body === undefined ? !isReadOnce(this.#options.body) : this.#body.isReplayable;
  }

  /** Makes one attempt. If the request must not be sent again, returns the last attempt again. */
  #attempt(context: CallContext): Promise<Exchange> {
    // A request that must not be repeated is sent once, even if the policy asks for another attempt.
    if (this.#lastAttempt !== undefined) return this.#lastAttempt;
    this.#latest?.discard(); // the earlier response was not good enough
    this.#attempts++;
    const { drain } = this.#settings;
    const receiver = this.#receiver;
    const exchange = receiver.isOldStyle
      ? new CallbackExchange(receiver, drain)
      : new ControllerExchange(receiver, drain);
    this.#latest = exchange;
    const options = this.#body === undefined ? this.#options : { ...this.#options, body: this.#body.next() };
    const sent = exchange.send(this.#dispatch, options, context.signal).then(
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
    return sent;
  }
}

/** Whether a body can be read only once: a stream, or a generator. undici's `fetch` passes every body as a generator. */
function isReadOnce(body: unknown): body is AsyncIterable<unknown> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
}

/** A request as `key` and `repeatable` see it. Its URL is parsed on the first read. */
class DispatchedRequest implements OutgoingRequest {
  readonly method: string;
  readonly #options: DispatchOptions;

  constructor(options: DispatchOptions, method: string) {
    this.#options = options;
    this.method = method;
  }

  get origin(): string {
    const { origin } = this.#options;
    return typeof origin === 'object' ? origin.origin : new URL(String(origin)).origin;
  }

  get url(): URL {
    return new URL(this.#options.path, this.#options.origin);
  }

  get input(): string {
    return this.url.href;
  }

  get init() {
    const { headers, body } = this.#options;
    return { method: this.method, headers: toPairs(headers), body };
  }
}

/** Returns header fields as pairs or as a record. undici also accepts names and values in turns. */
function toPairs(headers: unknown): unknown {
  if (!Array.isArray(headers) || Array.isArray(headers[0])) return headers ?? undefined;
  return Array.from({ length: headers.length >> 1 }, (_, at) => [String(headers[2 * at]), String(headers[2 * at + 1])]);
}
