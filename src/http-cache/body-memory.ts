import { canHearOfDrops, releaseWhenDropped } from './release-when-dropped.js';

type Bytes = Uint8Array;

/** A body up to this many bytes is copied into each response as it is made, which is faster than a stream. */
const COPIED_BYTES = 65_536;

/**
 * The memory of bodies outside the store, with one common limit: bodies that are arriving from the origin, and bodies
 * that an unread response refers to. A stored body counts in the store. After it has left the store, it counts here
 * until the last response is read, cancelled or garbage collected. O(1) per operation.
 */
export class BodyMemory {
  readonly #maxBytes: number;
  readonly #onChange: (bytes: number) => void;
  #bytes = 0;
  /** The number of unread responses that refer to a complete body. */
  readonly #pins = new Map<Bytes, number>();
  /** The number of store entries that contain a body. */
  readonly #stored = new Map<Bytes, number>();

  /** @param onChange - receives the memory in use, in bytes, after each change. */
  constructor(maxBytes: number, onChange: (bytes: number) => void) {
    this.#maxBytes = maxBytes;
    this.#onChange = onChange;
  }

  /** The number of bytes for which there is room. */
  get free(): number {
    return this.#maxBytes - this.#bytes;
  }

  /** Opens the account of a body that is about to arrive. */
  open(): BodyAccount {
    return new BodyAccount(this);
  }

  change(bytes: number): void {
    if (bytes === 0) return;
    this.#bytes += bytes;
    this.#onChange(this.#bytes);
  }

  /**
   * Counts a complete body while a response refers to it. Returns undefined in an engine without
   * `FinalizationRegistry`, where a response that is never read would be counted forever.
   */
  pin(body: Bytes): BodyPin | undefined {
    if (!canHearOfDrops()) return undefined;
    this.#recount(body, this.#pins, 1);
    return new BodyPin(() => this.#recount(body, this.#pins, -1));
  }

  /** Counts a store entry that contains the body. */
  addStored(body: Bytes): void {
    this.#recount(body, this.#stored, 1);
  }

  /** Stops counting a store entry that contained the body. */
  removeStored(body: Bytes): void {
    this.#recount(body, this.#stored, -1);
  }

  #recount(body: Bytes, counts: Map<Bytes, number>, change: 1 | -1): void {
    const before = this.#countedBytes(body);
    const count = (counts.get(body) ?? 0) + change;
    if (count > 0) counts.set(body, count);
    else counts.delete(body);
    this.change(this.#countedBytes(body) - before);
  }

  #countedBytes(body: Bytes): number {
    return this.#pins.has(body) && !this.#stored.has(body) ? body.byteLength : 0;
  }

  /**
   * Returns the body for a new response: the bytes, which the response copies, or a stream that copies them when read.
   */
  bodyFor(bytes: Bytes | null): ReadableStream<Bytes> | Bytes | null {
    return bytes === null || bytes.byteLength <= COPIED_BYTES ? bytes : this.#streamOf(bytes);
  }

  #streamOf(bytes: Bytes): ReadableStream<Bytes> {
    const pin = this.pin(bytes);
    let at = 0;
    const stream: ReadableStream<Bytes> = new ReadableStream({
      type: 'bytes',
      pull(controller) {
        controller.enqueue(bytes.slice(at, at + COPIED_BYTES));
        at += COPIED_BYTES;
        if (at < bytes.byteLength) return;
        pin?.release();
        controller.close();
        controller.byobRequest?.respond(0);
      },
      cancel: () => pin?.release(),
    });
    releaseWhenDropped(stream, { pin });
    return stream;
  }
}

/** The memory of one arriving body. */
export class BodyAccount {
  readonly memory: BodyMemory;
  #bytes = 0;

  constructor(memory: BodyMemory) {
    this.memory = memory;
  }

  set(bytes: number): void {
    const change = bytes - this.#bytes;
    this.#bytes = bytes;
    this.memory.change(change);
  }
}

/** The reference of one response to a body. */
export class BodyPin {
  #onRelease: (() => void) | undefined;

  constructor(onRelease: () => void) {
    this.#onRelease = onRelease;
  }

  release(): void {
    this.#onRelease?.();
    this.#onRelease = undefined;
  }
}
