import { BackgroundTask } from './background-task.js';
import type { Failure } from './cache-updater.js';
import type { WriteEntry } from './store.js';

/** A write with a sequence number. Among the entries of one key, the one with the highest number is the newest. */
export type JournalEntry<K, V> = WriteEntry<K, V> & { readonly number: number };

/** A confirmation that the store has the key's write with this number. All older writes of the key are obsolete. */
export interface JournalAck<K> {
  readonly key: K;
  readonly number: number;
}

/**
 * Saves accepted writes until the store has them, on a disk or in another place that survives a crash. The writer never
 * calls it again before the last promise has settled.
 */
export interface WriteJournal<K, V> {
  /**
   * Saves entries. Resolves when all of them would survive a crash. If it rejects, each `set` and `delete` of these
   * entries rejects.
   */
  append(entries: readonly JournalEntry<K, V>[]): unknown;
  /** Removes, for each ack, the entries of its key whose number is not higher. */
  ack(acks: readonly JournalAck<K>[]): unknown;
}

interface Append<K, V> {
  readonly entry: JournalEntry<K, V>;
  readonly settle: (failure: Failure | undefined) => void;
}

/**
 * Makes one call of the journal at a time. Entries that arrive during a call share the next one, and thus one fsync.
 */
export class JournalQueue<K, V> {
  readonly #journal: WriteJournal<K, V>;
  readonly #onError: (error: unknown) => void;
  readonly #background = new BackgroundTask(() => this.#work());
  #appends: Append<K, V>[] = [];
  /** The entries of the call in flight. */
  #appending: readonly Append<K, V>[] = [];
  #acks = new Map<K, number>();
  #lastAppend: Promise<unknown> = Promise.resolve();
  #isWorking = false;
  #onIdle: (() => void)[] = [];

  constructor(journal: WriteJournal<K, V>, onError: (error: unknown) => void) {
    this.#journal = journal;
    this.#onError = onError;
  }

  /** Saves an entry. Settles in the order of the calls, at the latest when the queue gives up. */
  append(entry: JournalEntry<K, V>): Promise<Failure | undefined> {
    const appended = new Promise<Failure | undefined>((settle) => this.#appends.push({ entry, settle }));
    this.#lastAppend = appended;
    this.#background.schedule();
    return appended;
  }

  ack(key: K, number: number): void {
    this.#acks.set(key, number);
    this.#background.schedule();
  }

  /** Resolves when every entry so far has been saved, has failed or was given up. */
  whenAppended(): Promise<unknown> {
    return this.#lastAppend;
  }

  /** Settles all waiting entries. Entries whose call has not begun are never saved. */
  giveUp(): void {
    const unsaved = [...this.#appending, ...this.#appends];
    this.#appends = [];
    for (const { settle } of unsaved) settle(undefined);
  }

  whenIdle(): Promise<void> {
    if (!this.#isWorking && this.#appends.length === 0 && this.#acks.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  async #work(): Promise<void> {
    if (this.#isWorking) return;
    this.#isWorking = true;
    while (this.#appends.length > 0 || this.#acks.size > 0) {
      if (this.#appends.length > 0) await this.#append();
      if (this.#acks.size > 0) await this.#ack();
    }
    this.#isWorking = false;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  async #append(): Promise<void> {
    const group = this.#appends;
    this.#appends = [];
    this.#appending = group;
    let failure: Failure | undefined;
    try {
      await this.#journal.append(group.map(({ entry }) => entry));
    } catch (error) {
      failure = { error };
      this.#onError(error);
    }
    this.#appending = [];
    for (const { settle } of group) settle(failure);
  }

  async #ack(): Promise<void> {
    const acks = Array.from(this.#acks, ([key, number]) => ({ key, number }));
    this.#acks = new Map();
    try {
      await this.#journal.ack(acks);
    } catch (error) {
      this.#onError(error);
    }
  }
}
