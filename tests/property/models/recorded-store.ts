import type { JournalAck, JournalEntry, WriteEntry } from 'breakwater/cache-writers';

/** What becomes of one call: the other side may have done it although it says that it failed. */
export type Fate = 'done' | 'failed' | 'done but failed' | 'one failed';

/** Every write that was asked for, by key, in the order of the calls. Values are their numbers. */
export class Issued {
  readonly #byKey = new Map<string, { readonly number: number; readonly type: 'set' | 'delete' }[]>();
  #last = 0;

  next(key: string, type: 'set' | 'delete'): number {
    const number = ++this.#last;
    this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), { number, type }]);
    return number;
  }

  /** The number of a write; of a deletion, which has none, the first one that is not before `after`. */
  numberOf(entry: WriteEntry<string, number>, after: number): number | undefined {
    const ofKey = this.#byKey.get(entry.key) ?? [];
    const number = entry.type === 'set' ? entry.value : after;
    return ofKey.find((one) => one.type === entry.type && one.number >= number)?.number;
  }

  /** The last write that leaves the store like this. */
  lastLike(key: string, value: number | undefined): number {
    if (value !== undefined) return value;
    const deletions = (this.#byKey.get(key) ?? []).filter(({ type }) => type === 'delete');
    return deletions.at(-1)?.number ?? 0;
  }
}

/** A store that remembers in which order it was written, and who is writing. */
export class RecordedStore {
  readonly values = new Map<string, number>();
  /** What must never happen, and did. */
  readonly sins: string[] = [];
  readonly #issued: Issued;
  readonly #latest = new Map<string, number>();
  readonly #busy = new Set<string>();

  constructor(issued: Issued) {
    this.#issued = issued;
  }

  begin(entries: readonly WriteEntry<string, number>[]): void {
    if (new Set(entries.map(({ key }) => key)).size < entries.length) this.sins.push('a key twice in one call');
    for (const { key } of entries) {
      if (this.#busy.has(key)) this.sins.push(`${key} is written twice at once`);
      this.#busy.add(key);
    }
  }

  end(entries: readonly WriteEntry<string, number>[]): void {
    for (const { key } of entries) this.#busy.delete(key);
  }

  apply(entry: WriteEntry<string, number>): void {
    const latest = this.#latest.get(entry.key) ?? 0;
    const number = this.#issued.numberOf(entry, latest);
    if (number === undefined || number < latest) this.sins.push(`${entry.key} goes back to before ${latest}`);
    this.#latest.set(entry.key, number ?? latest);
    if (entry.type === 'set') this.values.set(entry.key, entry.value);
    else this.values.delete(entry.key);
  }

  /** The process that wrote has died. */
  forgetWriters(): void {
    this.#busy.clear();
  }
}

/** A list of lines, replayed from its beginning: what an append-only file would be. */
export class RecordedJournal {
  readonly #lines: (JournalEntry<string, number> | JournalAck<string>)[] = [];

  add(lines: readonly (JournalEntry<string, number> | JournalAck<string>)[]): void {
    this.#lines.push(...lines);
  }

  replay(): JournalEntry<string, number>[] {
    let left: JournalEntry<string, number>[] = [];
    for (const line of this.#lines) {
      if ('type' in line) left.push(line);
      else left = left.filter(({ key, number }) => key !== line.key || number > line.number);
    }
    return left;
  }
}
