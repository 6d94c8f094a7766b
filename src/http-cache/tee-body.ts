import { scopeOf } from '../core/abort-scope.js';
import { CutOffLink } from '../core/cut-off-link.js';
import type { BodyAccount, BodyPin } from './body-memory.js';
import { releaseWhenDropped } from './release-when-dropped.js';

/** The whole body, or why there will be none to keep. */
export type CollectedBody = Uint8Array<ArrayBuffer> | 'too-long' | 'cut-off';

/** How much is copied at a time for the reader, in bytes. */
const PIECE_BYTES = 65_536;

/** What a tap tells of its body. */
export interface TeeBodyEvents {
  /** Once, unless the source was let go of before. */
  readonly onCollected: (body: CollectedBody) => void;
  /** The reader wants no more while the body is still being collected. */
  readonly onLeft: (reason: unknown) => void;
}

/**
 * A body on its way to one reader, of which a copy is kept.
 *
 * It is read ahead of the reader, so that a slow reader does not keep other callers waiting. A body that is longer than
 * the limit, or for which the memory that all bodies share has no room, is not kept, and from there on comes as the
 * reader asks for it. The reader may leave, and the copy still be made.
 */
export class TeeBody {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #source: ReadableStream<Uint8Array>;
  readonly #limit: number;
  readonly #account: BodyAccount;
  /** Counts the whole body while the reader has still to get some of it. */
  #pin: BodyPin | undefined = undefined;
  readonly #events: TeeBodyEvents;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined = undefined;
  #controller: ReadableByteStreamController | undefined = undefined;
  #link: CutOffLink | undefined = undefined;
  /** All of it so far, as long as it is to be kept. */
  #kept: Uint8Array[] | undefined = [];
  #keptBytes = 0;
  /** What the reader has still to get; undefined when there is no reader any more. */
  #unread: Uint8Array[] | undefined = [];
  #unreadBytes = 0;
  #isOver = false;
  /** Has come whole, and been handed over: what is unread is part of that. */
  #isWhole = false;
  #failure: { readonly error: unknown } | undefined = undefined;
  #wake = (): void => {};

  /**
   * @param limit - how many bytes are kept at most; -1 to keep none and only pass on.
   * @param account - the memory that the body may take up.
   */
  constructor(source: ReadableStream<Uint8Array>, limit: number, account: BodyAccount, events: TeeBodyEvents) {
    this.#source = source;
    this.#limit = limit;
    this.#account = account;
    this.#events = events;
    this.stream = new ReadableStream({
      type: 'bytes',
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#pull(),
      cancel: (reason) => this.#leave(reason),
    });
  }

  /**
   * Takes hold of the source. Last, when all else is in its place.
   *
   * @param signal - the reader's: it cuts the body off for him.
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
    this.#controller?.error(reason);
    this.#leave(reason);
  }

  /** Nobody is there to read it. */
  leaveUnread(): void {
    this.#unread = undefined;
    this.#report();
  }

  /** Lets go of the source. That then looks as if it had come to its end: to a reader it must not. */
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

  /** Reports what is in memory: all of the body while it is kept, and then what the reader has still to get. */
  #report(): void {
    const unreadBytes = this.#unread === undefined ? 0 : this.#unreadBytes;
    if (unreadBytes === 0) this.#pin?.release();
    if (this.#isWhole) return;
    this.#account.set(this.#kept === undefined ? unreadBytes : this.#keptBytes);
  }

  #stopKeeping(): void {
    this.#kept = undefined;
    this.#report();
    // From here on nothing but its reader keeps it going: if that forgets it, nobody else would ever end it.
    if (this.#unread === undefined) this.cancel(undefined);
    else releaseWhenDropped(this, { link: this.#link, source: this.#reader, account: this.#account });
    this.#events.onCollected('too-long');
  }

  #end(failure?: { readonly error: unknown }): void {
    this.#isOver = true;
    this.#failure = failure;
    this.#link?.leave();
    const kept = this.#kept;
    this.#kept = undefined;
    if (kept === undefined || failure !== undefined) {
      this.#report();
      if (kept !== undefined) this.#events.onCollected('cut-off');
    } else this.#hand(joined(kept, this.#keptBytes));
    this.#wake();
  }

  /** Hands over the whole body, from which the reader gets what it has still to get: it is in memory once. */
  #hand(whole: Uint8Array<ArrayBuffer>): void {
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
        // A copy: a byte stream takes the memory of what it is given from its maker.
        this.#controller?.enqueue(chunk.slice());
        return;
      }
      if (this.#unread === undefined) return;
      if (this.#failure !== undefined) throw this.#failure.error; // errors the stream
      if (this.#isOver) {
        this.#controller?.close();
        this.#controller?.byobRequest?.respond(0);
        return;
      }
      await (this.#kept === undefined ? this.#readOn() : this.#next());
    }
  }

  /** The next chunk, or the end, that is read ahead. */
  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** The next chunk that nobody keeps. */
  async #readOn(): Promise<void> {
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

function joined(chunks: readonly Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}
