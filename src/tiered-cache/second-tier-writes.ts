/** A write that has not begun, for all who have asked for one since the last one began. */
interface NextWrite {
  act: () => Promise<boolean>;
  readonly done: Promise<boolean>;
  readonly end: (isDone: boolean) => void;
}

interface KeyQueue {
  next: NextWrite | undefined;
  /** Resolves when nothing more is to be written. */
  over: Promise<void>;
}

/**
 * One write of a key at a time. Of those that wait only the newest is done, and its outcome is that of all: what is older
 * would be replaced by it at once. So a store that is slow has no queue before it, only the last word on each key.
 */
export class LatestWriteQueue {
  readonly #queues = new Map<string, KeyQueue>();

  /** Whether something waits for its turn, and will have the last word. */
  hasNext(key: string): boolean {
    return this.#queues.get(key)?.next !== undefined;
  }

  /** @param act - never rejects. Begins a microtask later at the earliest: whatever it calls may come back here. */
  write(key: string, act: () => Promise<boolean>): Promise<boolean> {
    const lane = this.#queues.get(key) ?? this.#open(key);
    lane.next ??= nextWrite(act);
    lane.next.act = act;
    return lane.next.done;
  }

  /** Resolves when nothing is being written. */
  async whenIdle(): Promise<void> {
    while (this.#queues.size > 0) await Promise.all(Array.from(this.#queues.values(), ({ over }) => over));
  }

  #open(key: string): KeyQueue {
    const lane: KeyQueue = { next: undefined, over: Promise.resolve() };
    this.#queues.set(key, lane);
    lane.over = lane.over.then(() => this.#run(key, lane));
    return lane;
  }

  async #run(key: string, lane: KeyQueue): Promise<void> {
    while (lane.next !== undefined) {
      const { act, end } = lane.next;
      lane.next = undefined;
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
 * Writes whose time was over before the store had ended them: it may still do them, after whatever comes later. Their keys
 * are not to be relied on before each has ended, and its key has been deleted once more.
 */
export class TimedOutWrites {
  /** How many of each key. */
  readonly #keys = new Map<string, number>();

  get size(): number {
    return this.#keys.size;
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /**
   * @param write - never rejects.
   * @param undo - called when the write has ended, whichever way. Never rejects.
   */
  async track(key: string, write: Promise<unknown>, undo: () => Promise<unknown>): Promise<void> {
    this.#keys.set(key, (this.#keys.get(key) ?? 0) + 1);
    await write;
    const others = (this.#keys.get(key) ?? 1) - 1;
    const undone = undo(); // which puts the key in doubt before this lets go of it
    if (others === 0) this.#keys.delete(key);
    else this.#keys.set(key, others);
    await undone;
  }
}
