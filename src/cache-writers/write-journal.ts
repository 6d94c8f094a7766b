import { BackgroundTask } from './background-task.js';
import type { Failure } from './cache-updater.js';
import type { WriteEntry } from './store.js';

/** A write with its number: of one key, the highest is the last. */
export type JournalEntry<K, V> = WriteEntry<K, V> & { readonly number: number };

/** The store has this write of the key, so all older ones of it are of no more use. */
export interface JournalAck<K> {
  readonly key: K;
  readonly number: number;
}

/**
 * Remembers accepted writes until the store has them, on a disk or wherever a crash does not reach. Never called again
 * before its last promise has settled.
 */
export interface WriteJournal<K, V> {
  /** Resolves when all of these would survive a crash. Rejects if one may not: their `set` rejects then. */
  append(entries: readonly JournalEntry<K, V>[]): unknown;
  /** For each of these, forgets the key's entries whose number is not higher. */
  ack(acks: readonly JournalAck<K>[]): unknown;
}

interface Append<K, V> {
  readonly entry: JournalEntry<K, V>;
  readonly settle: (fault: Failure | undefined) => void;
}

/** Calls the journal one call at a time. What comes during a call goes into the next one, so that one fsync does for many. */
export class JournalQueue<K, V> {
  readonly #journal: WriteJournal<K, V>;
  readonly #onError: (error: unknown) => void;
  readonly #background = new BackgroundTask(() => this.#work());
  #appends: Append<K, V>[] = [];
  /** Those of the call that is under way. */
  #appending: readonly Append<K, V>[] = [];
  #acks = new Map<K, number>();
  #lastAppend: Promise<unknown> = Promise.resolve();
  #isWorking = false;
  #onIdle: (() => void)[] = [];

  constructor(journal: WriteJournal<K, V>, onError: (error: unknown) => void) {
    this.#journal = journal;
    this.#onError = onError;
  }

  /** Settles in the order of the calls, at the latest when it is given up. */
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

  /** Resolves when all that was to be appended is, has failed, or was given up. */
  whenAppended(): Promise<unknown> {
    return this.#lastAppend;
  }

  /** Nobody waits any longer for what is not appended by now; what has not begun never will. */
  giveUp(): void {
    const given = [...this.#appending, ...this.#appends];
    this.#appends = [];
    for (const { settle } of given) settle(undefined);
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
    let fault: Failure | undefined;
    try {
      await this.#journal.append(group.map(({ entry }) => entry));
    } catch (error) {
      fault = { error };
      this.#onError(error);
    }
    this.#appending = [];
    for (const { settle } of group) settle(fault);
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
