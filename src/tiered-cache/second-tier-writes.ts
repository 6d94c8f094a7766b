/** The next write of a key. All callers that asked for a write since the current one began share its result. */
interface NextWrite {
  act: () => Promise<boolean>;
  readonly done: Promise<boolean>;
  readonly end: (isDone: boolean) => void;
}

interface KeyQueue {
  next: NextWrite | undefined;
  /** Resolves when no write of the key is left. */
  whenEmpty: Promise<void>;
}

/**
 * A conflating queue: one write per key at a time, and only the newest of the waiting writes of a key is performed. Its
 * result is the result of all of them, because it would replace the older ones anyway. A slow store therefore has at
 * most one waiting write per key.
 */
export class LatestWriteQueue {
  readonly #queues = new Map<string, KeyQueue>();

  /** Whether a write of the key is waiting, which will replace the current one. */
  hasNext(key: string): boolean {
    return this.#queues.get(key)?.next !== undefined;
  }

  /**
   * Queues a write and returns its result.
   * @param act - performs the write. Must not reject. Starts at least one microtask later, because it may call this
   * queue.
   */
  write(key: string, act: () => Promise<boolean>): Promise<boolean> {
    const queue = this.#queues.get(key) ?? this.#open(key);
    queue.next ??= nextWrite(act);
    queue.next.act = act;
    return queue.next.done;
  }

  /** Resolves when no write is running or waiting. */
  async whenIdle(): Promise<void> {
    while (this.#queues.size > 0) {
      await Promise.all(Array.from(this.#queues.values(), ({ whenEmpty }) => whenEmpty));
    }
  }

  #open(key: string): KeyQueue {
    const queue: KeyQueue = { next: undefined, whenEmpty: Promise.resolve() };
    this.#queues.set(key, queue);
    queue.whenEmpty = queue.whenEmpty.then(() => this.#run(key, queue));
    return queue;
  }

  async #run(key: string, queue: KeyQueue): Promise<void> {
    while (queue.next !== undefined) {
      const { act, end } = queue.next;
      queue.next = undefined;
      end(await act());
    }
    this.#queues.delete(key);
  }
}

function nextWrite(act: () => Promise<boolean>): NextWrite {
  let end: (isDone: boolean) => void = () => {};
  const done = new Promise<boolean>((resolve) => {
    end = resolve;
  });
  return { act, done, end };
}

/**
 * The writes that timed out before the store had ended them. Such a write may still take effect, even after a later
 * one. Its key is not read until the write has ended and the key has been deleted once more.
 */
export class TimedOutWrites {
  /** The number of timed-out writes per key. */
  readonly #keys = new Map<string, number>();

  get size(): number {
    return this.#keys.size;
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /**
   * Tracks a write until it has ended and `undo` has run.
   * @param write - must not reject.
   * @param undo - called when the write has ended, with success or failure. Must not reject.
   */
  async track(key: string, write: Promise<unknown>, undo: () => Promise<unknown>): Promise<void> {
    this.#keys.set(key, (this.#keys.get(key) ?? 0) + 1);
    await write;
    const others = (this.#keys.get(key) ?? 1) - 1;
    const undone = undo(); // adds a pending invalidation of the key before this tracker releases it
    if (others === 0) this.#keys.delete(key);
    else this.#keys.set(key, others);
    await undone;
  }
}
