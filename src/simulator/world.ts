import type { Clock } from '../core/clock.js';
import { type Fate, Job, type SimulatedServer } from './simulated-server.js';

/** The answer of a simulated server. */
export interface Reply {
  /** The HTTP status, always 200: every other answer is an error. */
  readonly status: 200;
  /** The name of the server. */
  readonly server: string;
}

/** The part of a call context that a simulated server reads. A context of a policy is one, and so is `{ signal }`. */
export interface Caller {
  /** The time after which the caller no longer waits, in milliseconds on the simulated clock. @defaultValue Infinity */
  readonly deadline?: number | undefined;
  /** Aborts when the caller no longer waits. Not read from the context of a policy, which is cheaper. */
  readonly signal?: AbortSignal | null | undefined;
}

/** A server of the world, as one client reaches it. */
export interface Target {
  /** The name of the server. */
  readonly name: string;
  /**
   * Sends a request. Resolves with the reply; rejects with a `SimulatedError` if the server is down, rejects the request
   * or answers with an error; remains pending if the request or its answer is lost. Pass the context of the policy, so
   * that the server knows how long the caller waits.
   */
  send(caller?: Caller): Promise<Reply>;
}

/** The servers of the world by name, as one client reaches them. */
export type Targets<Name extends string = string> = { readonly [name in Name]: Target };

/** A failure of a simulated server or its network: it has a `status` like an HTTP error, or a `code` like a socket error. */
export class SimulatedError extends Error {
  /** The HTTP status: 500 for a fault of kind `error`, 503 for a full queue. Undefined if there was no answer. */
  readonly status: number | undefined;
  /** The code of a socket error: `ECONNREFUSED` or `ECONNRESET`. Undefined if the server has answered. */
  readonly code: string | undefined;

  constructor(message: string, status: number | undefined, code: string | undefined) {
    super(message);
    this.status = status;
    this.code = code;
  }

  override get name(): string {
    return 'SimulatedError';
  }
}

/** Receives each attempt of a traced call. */
export interface AttemptTrace {
  onSend(server: string, at: number): number;
  onAnswer(attempt: number, fate: Fate, at: number): void;
}

/** What connects a client to the world. */
export interface ClientLink {
  readonly clock: Clock;
  readonly client: number;
  /** Counts a request that is sent. */
  onSend(): void;
  /** Delivers an answer, now or when the event loop of the client is no longer blocked. */
  deliver(answer: () => void): void;
  /** Whether the event loop of the client is blocked now. */
  readonly isStalled: boolean;
  /** Returns the trace of a call that was passed to `send`. */
  traceOf(caller: Caller): AttemptTrace | undefined;
}

/** A server as one client reaches it. */
export class LinkedTarget implements Target {
  readonly name: string;
  readonly #server: SimulatedServer;
  readonly #link: ClientLink;
  readonly #reply: Reply;
  /** One error for each kind, made once: the stack of a simulated failure shows nothing, and costs more than the call. */
  readonly #errors: Readonly<Record<Exclude<Fate, 'ok'>, SimulatedError>>;

  constructor(server: SimulatedServer, link: ClientLink) {
    const { name } = server;
    this.name = name;
    this.#server = server;
    this.#link = link;
    this.#reply = Object.freeze({ status: 200, server: name });
    this.#errors = {
      error: new SimulatedError(`${name} has answered with status 500`, 500, undefined),
      rejected: new SimulatedError(`${name} has rejected the request with status 503`, 503, undefined),
      refused: new SimulatedError(`connect ECONNREFUSED ${name}`, undefined, 'ECONNREFUSED'),
      reset: new SimulatedError(`read ECONNRESET ${name}`, undefined, 'ECONNRESET'),
    };
  }

  send(caller?: Caller): Promise<Reply> {
    return this.sendTraced(caller, caller === undefined ? undefined : this.#link.traceOf(caller));
  }

  /** Sends a request, and reports it and its answer to the trace. */
  sendTraced(caller: Caller | undefined, trace: AttemptTrace | undefined): Promise<Reply> {
    const signal = isContext(caller) ? undefined : caller?.signal;
    if (signal?.aborted) return Promise.reject(signal.reason);
    this.#link.onSend();
    return new Promise((resolve, reject) => {
      new SentRequest(this, caller, resolve, reject, trace).begin(this.#server);
    });
  }

  get link(): ClientLink {
    return this.#link;
  }

  settle(fate: Fate, resolve: (reply: Reply) => void, reject: (error: unknown) => void): void {
    if (fate === 'ok') resolve(this.#reply);
    else reject(this.#errors[fate]);
  }
}

/** A request of one client. */
class SentRequest extends Job {
  readonly #target: LinkedTarget;
  /** The context of a policy, which says whether the call is aborted. */
  readonly #context: { readonly aborted: boolean } | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #resolve: (reply: Reply) => void;
  readonly #reject: (error: unknown) => void;
  readonly #trace: AttemptTrace | undefined;
  #attempt = -1;
  #onAbort: (() => void) | undefined = undefined;

  constructor(
    target: LinkedTarget,
    caller: Caller | undefined,
    resolve: (reply: Reply) => void,
    reject: (error: unknown) => void,
    trace: AttemptTrace | undefined,
  ) {
    super(caller?.deadline ?? Infinity);
    this.#target = target;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#trace = trace;
    // To read the signal of a context makes an AbortController, which costs five times the rest of the call.
    if (isContext(caller)) this.#context = caller;
    else this.#signal = caller?.signal ?? undefined;
  }

  get client(): number {
    return this.#target.link.client;
  }

  begin(server: SimulatedServer): void {
    const signal = this.#signal;
    this.#attempt = this.#trace?.onSend(server.name, this.#target.link.clock.now()) ?? -1;
    if (signal !== undefined) {
      this.#onAbort = () => {
        this.#reject(signal.reason);
        server.abandon(this);
      };
      signal.addEventListener('abort', this.#onAbort, { once: true });
    }
    server.send(this);
  }

  hasLeft(now: number): boolean {
    return now > this.deadline || this.#context?.aborted === true || this.#signal?.aborted === true;
  }

  onAnswer(fate: Fate): void {
    const { link } = this.#target;
    if (link.isStalled) link.deliver(() => this.#settle(fate));
    else this.#settle(fate);
  }

  #settle(fate: Fate): void {
    this.#trace?.onAnswer(this.#attempt, fate, this.#target.link.clock.now());
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#target.settle(fate, this.#resolve, this.#reject);
  }
}

function isContext(caller: Caller | undefined): caller is Caller & { readonly aborted: boolean } {
  return caller !== undefined && typeof (caller as { readonly aborted?: unknown }).aborted === 'boolean';
}
