import type { JournalAck, JournalEntry, WriteJournal } from '../cache-writers/write-journal.js';
import type { DefineTest } from './cache-store-contract.js';

type Entry = JournalEntry<string, string>;

/** A journal of `writeBehind`, and the way in which a process reads it after a crash. */
export interface RecoverableJournal {
  /** The journal. */
  readonly journal: WriteJournal<string, string>;
  /**
   * Returns the entries without an ack, in the order in which they were appended, as a process that starts after a crash
   * reads them. The journal must then accept further entries.
   */
  recover(): readonly Entry[] | PromiseLike<readonly Entry[]>;
}

/**
 * Defines the tests that every journal for `writeBehind` must pass. Each test calls `make` for an empty journal. A failed
 * test rejects with an Error that names the rule.
 *
 * @param test - the function of the test runner that defines a test.
 * @param make - returns the journal, or a promise of it.
 * @example
 * ```ts
 * declare const test: DefineTest; // of the test runner
 * declare const fileJournal: (path: string) => RecoverableJournal;
 *
 * journalContract(test, () => fileJournal(`journal-${crypto.randomUUID()}`));
 * ```
 */
export function journalContract(
  test: DefineTest,
  make: () => RecoverableJournal | PromiseLike<RecoverableJournal>,
): void {
  for (const [title, check] of Object.entries(rules)) {
    test(`The journal ${title}`, async () => check(new CheckedJournal(await make())));
  }
}

/** The rules, each completing the sentence "The journal …". */
const rules: Readonly<Record<string, (journal: CheckedJournal) => Promise<void>>> = {
  'is empty at first': async (journal) => {
    await journal.expectEntries([]);
  },
  'keeps entries in the order in which they were appended': async (journal) => {
    const entries = [set('b', '1', 1), remove('a', 2), set('c', '3', 3), set('b', '4', 4)];
    await journal.append(entries.slice(0, 2));
    await journal.append(entries.slice(2));
    await journal.expectEntries(entries);
  },
  'keeps keys and values as they are': async (journal) => {
    const texts = ['', ' a b ', 'ä€😀', '"\n\\\u0000', '__proto__', '{"key":1}', 'x'.repeat(100_000)];
    const entries = texts.map((text, index) => set(text, text, index + 1));
    await journal.append(entries);
    await journal.expectEntries(entries);
  },
  'removes the entries of a key up to the number of an ack, and no others': async (journal) => {
    await journal.append([set('a', 'old', 1), set('b', 'other', 2), remove('a', 3), set('a', 'new', 4)]);
    await journal.ack([{ key: 'a', number: 3 }]);
    await journal.expectEntries([set('b', 'other', 2), set('a', 'new', 4)]);
    await journal.ack([
      { key: 'b', number: 2 },
      { key: 'a', number: 4 },
    ]);
    await journal.expectEntries([]);
  },
  'ignores an ack of a key that it does not have': async (journal) => {
    await journal.append([set('a', '1', 1)]);
    await journal.ack([{ key: 'unknown', number: 9 }]);
    await journal.expectEntries([set('a', '1', 1)]);
  },
  'accepts further entries and acks after a recovery': async (journal) => {
    await journal.append([set('a', 'old', 1), set('b', '2', 2)]);
    await journal.expectEntries([set('a', 'old', 1), set('b', '2', 2)]);
    await journal.append([set('a', 'new', 3)]);
    await journal.ack([{ key: 'a', number: 1 }]);
    await journal.expectEntries([set('b', '2', 2), set('a', 'new', 3)]);
    await journal.expectEntries([set('b', '2', 2), set('a', 'new', 3)]); // a second crash
  },
  'takes many entries and acks at once': async (journal) => {
    const entries = Array.from({ length: 2000 }, (_, index) => set(`key ${index % 500}`, `${index}`, index + 1));
    await journal.append(entries);
    await journal.ack(Array.from({ length: 500 }, (_, index) => ({ key: `key ${index}`, number: index + 1001 })));
    await journal.expectEntries(entries.slice(1500));
  },
};

const set = (key: string, value: string, number: number): Entry => ({ type: 'set', key, value, number });
const remove = (key: string, number: number): Entry => ({ type: 'delete', key, number });

/** A journal whose calls are made one after the other, as the writer makes them. */
class CheckedJournal {
  readonly #made: RecoverableJournal;

  constructor(made: RecoverableJournal) {
    this.#made = made;
  }

  async append(entries: readonly Entry[]): Promise<void> {
    await this.#made.journal.append(entries);
  }

  async ack(acks: readonly JournalAck<string>[]): Promise<void> {
    await this.#made.journal.ack(acks);
  }

  async expectEntries(expected: readonly Entry[]): Promise<void> {
    const found = (await this.#made.recover()).map(textOf);
    const wrong = expected.map(textOf).findIndex((text, index) => found[index] !== text);
    if (wrong < 0 && found.length === expected.length) return;
    const [is, not] =
      wrong < 0 ? [found[expected.length], undefined] : [found[wrong], textOf(expected[wrong] as Entry)];
    throw new Error(`WriteJournal: an entry is ${is?.slice(0, 80)}, not ${not?.slice(0, 80)}`);
  }
}

const textOf = (entry: Entry): string =>
  JSON.stringify([entry.type, entry.key, entry.type === 'set' ? entry.value : undefined, entry.number]);
