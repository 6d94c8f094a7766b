import { canHearOfDrops, releaseWhenDropped } from './release-when-dropped.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** A body up to this many bytes is copied into each response as it is made, which is faster than a stream. */
const COPIED_BYTES = 65_536;

/**
 * The memory that bodies take up outside of the store: those that are coming from the origin, and those that a response
 * refers to which has not been read. There is one bound for all of them. A body that is stored counts there; it counts here
 * from when it leaves the store until the last response has been read, cancelled or dropped. O(1) an operation.
 */
export class BodyMemory {
  readonly #maxBytes: number;
  readonly #onChange: (bytes: number) => void;
  #bytes = 0;
  /** How many responses refer to a body that has come whole. */
  readonly #pins = new Map<Bytes, number>();
  /** How many entries of the store have a body. */
  readonly #stored = new Map<Bytes, number>();

  /** @param onChange - receives what is in use, in bytes, after each change. */
  constructor(maxBytes: number, onChange: (bytes: number) => void) {
    this.#maxBytes = maxBytes;
    this.#onChange = onChange;
  }

  /** How many bytes more there is room for. */
  get free(): number {
    return this.#maxBytes - this.#bytes;
  }

  /** Opens the account of a body that is coming, empty so far. */
  open(): BodyAccount {
    return new BodyAccount(this);
  }

  change(bytes: number): void {
    if (bytes === 0) return;
    this.#bytes += bytes;
    this.#onChange(this.#bytes);
  }

  /**
   * Counts a whole body for as long as a response refers to it. Returns undefined in an engine that does not report dropped
   * objects, where the memory of a response that is never read would be counted for ever.
   */
  pin(body: Bytes): BodyPin | undefined {
    if (!canHearOfDrops()) return undefined;
    this.#recount(body, this.#pins, 1);
    return new BodyPin(() => this.#recount(body, this.#pins, -1));
  }

  /** The body has come into the store, or into another entry of it. */
  addStored(body: Bytes): void {
    this.#recount(body, this.#stored, 1);
  }

  /** An entry with the body has left the store. */
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

  /** What to make a response of: a copy of the bytes, or a stream that copies them as they are read. */
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

/** What one body that is coming takes up of the memory that all share. */
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

/** The count of one response that refers to a body. */
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
