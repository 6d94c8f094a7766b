import { AbortNode, type AbortScope, resolvedPromise } from '../core/abort-scope.js';
import { Alarm, type Clock } from '../core/clock.js';
import type { Dispatch, DispatchOptions, ResponseHandler } from './dispatcher.js';
import type { Receiver, ResponseHead, Source } from './receiver.js';

type ExchangeEvent =
  | { readonly type: 'data'; readonly chunk: Uint8Array }
  | { readonly type: 'end'; readonly trailers: unknown }
  | { readonly type: 'error'; readonly error: unknown };

/** The longest time in milliseconds that the body of a response is read that is not passed on. */
const DRAIN_MS = 1000;

/** The bytes of a body that may arrive before the verdict without a pause: what one read of a socket returns. */
const MAX_NO_VERDICT_BYTES = 65_536;

/** How much is read of a response that is not passed on, and the clock that measures for how long. */
export interface DrainSettings {
  readonly limit: number;
  readonly clock: Clock;
}

/**
 * One attempt: a request, and its response until it is judged.
 *
 * - `open`: no verdict. What arrives is kept. The verdict normally comes before the next packet, so the response is only
 *   paused if a lot arrives: a pause costs undici more than the whole interceptor.
 * - `kept`: it may be passed on later, so up to `drainLimit` bytes are read and kept.
 * - `passed`: events go to the receiver.
 * - `discarded`: up to `drainLimit` bytes are read, so that the connection can be used again; then it is closed.
 */
export abstract class Exchange extends AbortNode implements Source {
  /** The status code. Named as in `Response` and as in undici, so that any `classify` can read it. */
  status = 0;
  /** The header fields. */
  readonly headers = { get: (name: string): string | null => this.field(name) };
  protected readonly receiver: Receiver;
  protected head: ResponseHead | undefined;
  readonly #drain: DrainSettings;
  #state: 'open' | 'kept' | 'passed' | 'discarded' = 'open';
  #events: ExchangeEvent[] = [];
  /** The bytes of the body that were read but not passed on. */
  #readBytes = 0;
  #alarm: Alarm | undefined;
  #isEnded = false;
  #resolve!: (exchange: Exchange) => void;
  #reject!: (error: unknown) => void;
  /** The reason of an abort that came before the connection. */
  #abortReason: { readonly reason: unknown } | undefined;

  constructor(receiver: Receiver, drain: DrainSettings) {
    super();
    this.receiver = receiver;
    this.#drain = drain;
  }

  get statusCode(): number {
    return this.status;
  }

  /** Whether the head of the response is there. */
  get hasResponded(): boolean {
    return this.head !== undefined;
  }

  get isDiscarded(): boolean {
    return this.#state === 'discarded';
  }

  abstract get rawHeaders(): unknown;
  abstract get rawTrailers(): unknown;
  abstract pause(): void;
  protected abstract unpause(): void;
  protected abstract close(reason: unknown): void;
  protected abstract field(name: string): string | null;
  protected abstract get handler(): ResponseHandler;
  /** Whether the request has been given to a connection, so that it can be aborted. */
  protected abstract get isStarted(): boolean;

  /**
   * Sends the request. Resolves when the header fields of the response are there.
   *
   * @param scope - the scope of the attempt. A node in it costs less than a listener on the signal of the context.
   */
  send(dispatch: Dispatch, options: DispatchOptions, scope: AbortScope | undefined): Promise<Exchange> {
    return new Promise<Exchange>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      scope?.enter(this);
      try {
        dispatch(options, this.handler);
      } catch (error) {
        this.#end();
        this.leave();
        reject(error);
      }
    });
  }

  /** Aborts one microtask later, since the closing of a connection may run user code. */
  onAbort(reason: unknown): void {
    resolvedPromise.then(() => this.abort(reason));
  }

  /** Lets the source continue. Has no effect after its end: the connection may then belong to another request. */
  resume(): void {
    if (!this.#isEnded) this.unpause();
  }

  /** Closes the connection. A response that was not passed on yet is discarded. */
  abort(reason: unknown): void {
    if (!this.#isEnded) {
      if (this.isStarted) this.close(reason);
      else this.#abortReason = { reason };
      this.#alarm?.clear();
    }
    if (this.#state === 'passed') return;
    this.#state = 'discarded';
    this.#events = [];
    this.leave();
    this.#reject(reason);
  }

  /** Discards the response. It is not passed on any more. */
  discard(): void {
    if (this.#state === 'passed' || this.#state === 'discarded') return;
    if (!this.hasResponded) {
      this.abort(new Error('The policy no longer waits for this attempt'));
      return;
    }
    const isReading = this.#state === 'kept';
    this.#state = 'discarded';
    this.#events = [];
    if (!isReading) this.#startDraining();
  }

  /** Reads and keeps the response, which may be passed on later, so that its connection can be used meanwhile. */
  keep(): this {
    if (this.#state === 'open') {
      this.#state = 'kept';
      this.#startDraining();
    }
    return this;
  }

  /** Passes the response on to the receiver. */
  passOn(): void {
    this.#state = 'passed';
    this.#alarm?.clear();
    this.receiver.respond(this.head as ResponseHead, this);
    for (const event of this.#events.splice(0)) this.#pass(event);
    if (!this.receiver.paused) this.resume();
  }

  protected started(): void {
    if (this.#abortReason !== undefined) this.close(this.#abortReason.reason);
  }

  /** Handles the head of a response. Returns whether it is the final one, and not an informational one. */
  protected respond(head: ResponseHead): boolean {
    if (head.status < 200) {
      if (this.#state === 'open') this.receiver.inform(head);
      return false;
    }
    this.leave();
    this.status = head.status;
    this.head = head;
    this.#resolve(this);
    return true;
  }

  protected handle(event: ExchangeEvent): void {
    if (event.type !== 'data') this.#end();
    if (this.#state === 'passed') this.#pass(event);
    else if (this.head === undefined) this.#fail(event);
    else if (this.#state === 'open') this.#keepEvent(event);
    else this.#drainEvent(event);
  }

  /** Whether the source must wait: for the verdict, if it is late, or for the receiver. */
  protected get mustWait(): boolean {
    if (this.#state === 'open') return this.#readBytes > MAX_NO_VERDICT_BYTES;
    return this.#state === 'passed' && this.receiver.paused;
  }

  #end(): void {
    this.#isEnded = true;
    this.#alarm?.clear();
  }

  #pass(event: ExchangeEvent): void {
    if (event.type === 'data') this.receiver.data(event.chunk);
    else if (event.type === 'end') this.receiver.end(event.trailers);
    else this.receiver.fail(event.error);
  }

  #fail(event: ExchangeEvent): void {
    this.leave();
    if (event.type === 'error') this.#reject(event.error);
  }

  #startDraining(): void {
    if (this.#isEnded) return;
    this.#alarm = new Alarm(this.#drain.clock, DRAIN_MS, () => this.#stopDraining());
    this.#alarm.unref();
    if (this.#state === 'discarded' && Number(this.field('content-length') ?? 0) > this.#drain.limit)
      this.#stopDraining();
    else this.resume();
  }

  #keepEvent(event: ExchangeEvent): void {
    if (event.type === 'data') this.#readBytes += event.chunk.byteLength;
    this.#events.push(event);
  }

  #drainEvent(event: ExchangeEvent): void {
    if (this.#state === 'kept') this.#keepEvent(event);
    else if (event.type === 'data') this.#readBytes += event.chunk.byteLength;
    if (this.#readBytes > this.#drain.limit && !this.#isEnded) this.#stopDraining();
  }

  /** Closes the connection, with a body that is too long or too slow. */
  #stopDraining(): void {
    this.#alarm?.clear();
    this.close(new Error('The rest of the body was discarded: it was too slow, or longer than "drainLimit"'));
  }
}
