import { resolvedPromise } from '../core/abort-scope.js';
import type { NodeSource } from './node-source.js';
import type { BalancerNode } from './nodes.js';

/** The receiver of the lists of a source. */
export interface SourceReceiver {
  /** Applies a list. Throws if the list is invalid. */
  apply(nodes: Iterable<BalancerNode>): void;
  /** Handles an error. @param ended - Whether the source itself has failed, so that no further list follows. */
  fail(error: unknown, ended: boolean): void;
  /** Handles the regular end of the source. */
  end(): void;
}

/** Reads the lists of a source one after the other, until it ends or the follower is stopped. Never rejects. */
export class SourceFollower {
  readonly #receiver: SourceReceiver;
  #iterator: AsyncIterator<Iterable<BalancerNode>> | undefined = undefined;
  #isStopped = false;

  constructor(source: NodeSource, receiver: SourceReceiver) {
    this.#receiver = receiver;
    this.#follow(source);
  }

  async #follow(source: NodeSource): Promise<void> {
    await resolvedPromise; // so that the caller can add listeners before the first event
    if (this.#isStopped) return;
    try {
      const iterator = source[Symbol.asyncIterator]();
      this.#iterator = iterator;
      while (!this.#isStopped) {
        const { done, value } = await iterator.next();
        if (this.#isStopped) return;
        if (done === true) return this.#receiver.end();
        this.#apply(value);
      }
    } catch (error) {
      if (!this.#isStopped) this.#receiver.fail(error, true);
    }
  }

  #apply(nodes: Iterable<BalancerNode>): void {
    try {
      this.#receiver.apply(nodes);
    } catch (error) {
      this.#receiver.fail(error, false);
    }
  }

  /** Stops following and ends the iterator of the source, without waiting for it. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    const ended = async () => this.#iterator?.return?.();
    ended().catch(() => {}); // the source has no receiver for an error of its cleanup
  }
}
