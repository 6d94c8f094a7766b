import type { DeadlineList } from '../core/deadline-list.js';
import { BODY_READERS, type ReadableResponse } from '../core/stream-errors.js';
import { BodyGuard } from './body-guard.js';

type Reader = (...args: unknown[]) => Promise<unknown>;

/** The methods of Node's streams that are used here. */
interface NodeStream {
  destroy?(error: Error): unknown;
  on?(event: string, listener: (event: unknown) => void): unknown;
}

/**
 * Guards a response whose body is not a web stream, such as one of node-fetch, cross-fetch or React Native. Replaces
 * the methods that read the body, on the response object itself. Returns undefined if the response has none of them.
 */
export function guardReaders(
  response: Response,
): { readonly response: Response; readonly guard: BodyGuard } | undefined {
  const guard = new GuardedReaders();
  return guard.add(response) ? { response, guard } : undefined;
}

class GuardedReaders extends BodyGuard {
  /** The response and its clones that have not been read. Each has its own body; they share this guard. */
  readonly #unread = new Set<{ readonly body: unknown }>();
  /** The number of reads that wait for chunks. */
  #reading = 0;
  readonly #pending = new Set<(reason: unknown) => void>();
  #cutOffBy: { readonly reason: unknown } | undefined = undefined;

  /** Guards a response or a clone. Returns whether it has a method that reads its body. */
  add(response: Response): boolean {
    const readers = BODY_READERS.filter((name) => typeof (response as ReadableResponse)[name] === 'function');
    if (readers.length === 0) return false;
    for (const name of readers) this.#replace(response, name, (response as ReadableResponse)[name] as Reader);
    const { body, clone } = response as unknown as { body: NodeStream | undefined; clone: () => Response };
    body?.on?.('error', () => this.#finish(response));
    body?.on?.('close', () => this.#finish(response));
    const cloneGuarded = (): Response => {
      const copy = clone.call(response);
      this.add(copy);
      return copy;
    };
    if (typeof clone === 'function') Object.defineProperty(response, 'clone', { value: cloneGuarded });
    this.#unread.add(response);
    if (this.isLimitedIdle) this.#watchChunks(body);
    return true;
  }

  /** Only Node's streams show when a chunk arrives. A body of another kind is not limited. */
  override limitIdle(deadlines: DeadlineList): void {
    const bodies = [...this.#unread].map(({ body }) => body as NodeStream | null | undefined);
    if (!bodies.every((body) => typeof body?.on === 'function')) return;
    super.limitIdle(deadlines);
    for (const body of bodies) this.#watchChunks(body);
  }

  /**
   * Restarts the time limit at each chunk. A `data` listener would start the flow of a stream that nothing reads yet, so
   * it is added just after the first listener of a reader.
   */
  #watchChunks(body: NodeStream | null | undefined): void {
    let isWatched = false;
    body?.on?.('newListener', (event) => {
      if (isWatched || (event !== 'data' && event !== 'readable')) return;
      isWatched = true;
      queueMicrotask(() => body.on?.('data', () => this.#reading > 0 && this.beginWaiting()));
    });
  }

  #replace(response: Response, name: (typeof BODY_READERS)[number], read: Reader): void {
    const value = async (...args: unknown[]): Promise<unknown> => {
      if (this.#cutOffBy !== undefined) throw this.#cutOffBy.reason;
      this.beginReading();
      if (this.#reading++ === 0) this.beginWaiting();
      let cutOff: (reason: unknown) => void = () => {};
      try {
        return await new Promise((resolve, reject) => {
          cutOff = reject;
          this.#pending.add(cutOff);
          read.apply(response, args).then(resolve, reject);
        });
      } finally {
        this.#pending.delete(cutOff);
        this.endReading();
        if (--this.#reading === 0) this.endWaiting();
        this.#finish(response);
      }
    };
    Object.defineProperty(response, name, { value });
  }

  #finish(response: Response): void {
    this.#unread.delete(response);
    if (this.#unread.size === 0) this.end();
  }

  protected override onCutOff(reason: unknown): void {
    this.#cutOffBy = { reason };
    for (const reject of this.#pending) reject(reason);
    const error = reason instanceof Error ? reason : new Error('The body was aborted', { cause: reason });
    for (const { body } of this.#unread as Set<{ readonly body: NodeStream | null | undefined }>) {
      body?.on?.('error', () => {}); // cloning removes the listener, and an error without a listener ends the process
      body?.destroy?.(error);
    }
  }

  /** Returns undefined: the platform closes the connection of a Node stream that is garbage-collected. */
  protected override release(): undefined {
    return undefined;
  }
}
