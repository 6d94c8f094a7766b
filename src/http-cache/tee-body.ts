import { scopeOf } from '../core/abort-scope.js';
import { copyBytes, joinBytes } from '../core/bytes.js';
import { CutOffLink } from '../core/cut-off-link.js';
import { requireGlobal } from '../core/require-global.js';
import type { FailingBody } from '../core/stream-errors.js';
import type { BodyAccount, BodyPin } from './body-memory.js';
import { releaseWhenDropped } from './release-when-dropped.js';

/** The complete body, or the reason why there is none. */
export type CollectedBody = Uint8Array | 'too-long' | 'cut-off';

/** The largest number of bytes that is copied for the reader at a time. */
const PIECE_BYTES = 65_536;

/** The callbacks of a `TeeBody`. */
export interface TeeBodyEvents {
  /** Called once with the result, unless the source was released before. */
  readonly onCollected: (body: CollectedBody) => void;
  /** Called if the reader leaves while the body is still being collected. */
  readonly onLeft: (reason: unknown) => void;
}

/**
 * Passes a body to one reader and keeps a copy of it.
 *
 * The body is read ahead of the reader, so that a slow reader does not delay other callers. If the body is longer than
 * the limit, or if the shared memory is full, no copy is kept, and from then on the body is read at the speed of the
 * reader. If the reader leaves, the copy can still be completed.
 */
export class TeeBody implements FailingBody {
  readonly stream: ReadableStream<Uint8Array>;
  failure: { readonly error: unknown } | undefined = undefined;
  readonly #source: ReadableStream<Uint8Array>;
  readonly #limit: number;
  readonly #account: BodyAccount;
  /** Counts the complete body while the reader has not read all of it. */
  #pin: BodyPin | undefined = undefined;
  readonly #events: TeeBodyEvents;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined = undefined;
  #controller: ReadableByteStreamController | undefined = undefined;
  #link: CutOffLink | undefined = undefined;
  /** The chunks so far, while a copy is kept. */
  #kept: Uint8Array[] | undefined = [];
  #keptBytes = 0;
  /** The chunks that the reader has not read; undefined if there is no reader any more. */
  #unread: Uint8Array[] | undefined = [];
  #unreadBytes = 0;
  #isOver = false;
  /** Whether the complete body was passed to `onCollected`. The unread chunk is then a part of it. */
  #isWhole = false;
  #wake = (): void => {};

  /**
   * @param limit - the largest number of bytes to keep; -1 to keep none and only pass the body on.
   * @param account - the memory account of the body.
   */
  constructor(source: ReadableStream<Uint8Array>, limit: number, account: BodyAccount, events: TeeBodyEvents) {
    this.#source = source;
    this.#limit = limit;
    this.#account = account;
    this.#events = events;
    this.stream = new (requireGlobal('ReadableStream'))({
      type: 'bytes',
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#pull(),
      cancel: (reason) => this.#leave(reason),
    });
  }

  /**
   * Starts reading the source. Must be called last, because it may call back.
   *
   * @param signal - the signal of the reader: its abort ends the reader's stream with an error.
   */
  open(signal: AbortSignal | null): void {
    this.#reader = this.#source.getReader();
    if (signal !== null) this.#follow(signal);
    if (this.#limit < 0) this.#stopKeeping();
    else this.#collect(this.#reader);
  }

  #follow(signal: AbortSignal): void {
    if (signal.aborted) {
      this.cutOff(signal.reason);
      return;
    }
    const link = new CutOffLink(this);
    this.#link = link;
    scopeOf(signal).enter(link);
  }

  cutOff(reason: unknown): void {
    if (this.#unread === undefined) return;
    this.failure = { error: reason };
    this.#controller?.error(reason);
    this.#leave(reason);
  }

  /** Continues without a reader. */
  leaveUnread(): void {
    this.#unread = undefined;
    this.#report();
  }

  /** Releases the source. The reader gets an error, because the body must not look complete. */
  cancel(reason: unknown): void {
    this.#kept = undefined;
    this.#report();
    if (this.#unread === undefined) this.#reader?.cancel(reason).catch(() => {});
    else this.cutOff(reason);
  }

  async #collect(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    try {
      for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
        this.#take(chunk.value);
        if (this.#kept === undefined) return;
      }
      this.#end();
    } catch (error) {
      this.#end({ error });
    }
  }

  #take(chunk: Uint8Array): void {
    if (chunk.byteLength === 0) return;
    const hasRoom = chunk.byteLength <= this.#account.memory.free;
    this.#addUnread(chunk);
    this.#kept?.push(chunk);
    this.#keptBytes += chunk.byteLength;
    if (this.#keptBytes > this.#limit || !hasRoom) this.#stopKeeping();
    else this.#report();
    this.#wake();
  }

  #addUnread(chunk: Uint8Array): void {
    if (this.#unread === undefined) return;
    this.#unread.push(chunk);
    this.#unreadBytes += chunk.byteLength;
  }

  #takeUnread(): Uint8Array | undefined {
    const next = this.#unread?.shift();
    const chunk = next?.subarray(0, PIECE_BYTES);
    if (next !== undefined && next.byteLength > PIECE_BYTES) this.#unread?.unshift(next.subarray(PIECE_BYTES));
    if (chunk !== undefined) this.#unreadBytes -= chunk.byteLength;
    this.#report();
    return chunk;
  }

  /** Updates the memory account: the whole body while it is kept, and otherwise the chunks that were not read. */
  #report(): void {
    const unreadBytes = this.#unread === undefined ? 0 : this.#unreadBytes;
    if (unreadBytes === 0) this.#pin?.release();
    if (this.#isWhole) return;
    this.#account.set(this.#kept === undefined ? unreadBytes : this.#keptBytes);
  }

  #stopKeeping(): void {
    this.#kept = undefined;
    this.#report();
    // From here on only the reader drives the source. If the reader is garbage collected, the source must be released.
    if (this.#unread === undefined) this.cancel(undefined);
    else releaseWhenDropped(this, { link: this.#link, source: this.#reader, account: this.#account });
    this.#events.onCollected('too-long');
  }

  #end(failure?: { readonly error: unknown }): void {
    this.#isOver = true;
    this.failure ??= failure;
    this.#link?.leave();
    const kept = this.#kept;
    this.#kept = undefined;
    if (kept === undefined || failure !== undefined) {
      this.#report();
      if (kept !== undefined) this.#events.onCollected('cut-off');
    } else this.#deliver(joinBytes(kept, this.#keptBytes));
    this.#wake();
  }

  /** Passes the complete body on. The unread part becomes a view of the complete body, so that these bytes are in memory only once. */
  #deliver(whole: Uint8Array): void {
    this.#isWhole = true;
    this.#account.set(0);
    if (this.#unread !== undefined && this.#unreadBytes > 0) {
      this.#unread = [whole.subarray(whole.byteLength - this.#unreadBytes)];
    }
    this.#events.onCollected(whole);
    if (this.#unread === undefined || this.#unreadBytes === 0) return;
    this.#pin = this.#account.memory.pin(whole);
    releaseWhenDropped(this, { pin: this.#pin });
  }

  async #pull(): Promise<void> {
    for (;;) {
      const chunk = this.#takeUnread();
      if (chunk !== undefined) {
        // A copy, because a byte stream detaches the buffer that is passed to it.
        this.#controller?.enqueue(copyBytes(chunk));
        return;
      }
      if (this.#unread === undefined) return;
      if (this.failure !== undefined) throw this.failure.error; // errors the stream
      if (this.#isOver) {
        this.#controller?.close();
        this.#controller?.byobRequest?.respond(0);
        return;
      }
      await (this.#kept === undefined ? this.#readNext() : this.#nextCollected());
    }
  }

  /** Waits for the next chunk, or the end, of a body that is read ahead. */
  #nextCollected(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Reads the next chunk of a body that is not kept. */
  async #readNext(): Promise<void> {
    try {
      const { done, value } = (await this.#reader?.read()) ?? { done: true, value: undefined };
      if (done) this.#end();
      else if (value.byteLength > 0) this.#addUnread(value);
    } catch (error) {
      this.#end({ error });
    }
  }

  #leave(reason: unknown): void {
    this.#link?.leave();
    this.#unread = undefined;
    this.#report();
    this.#wake();
    if (this.#isOver) return;
    if (this.#kept === undefined) this.cancel(reason);
    else this.#events.onLeft(reason);
  }
}
