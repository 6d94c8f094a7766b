import type { JournalAck, JournalEntry, WriteEntry } from 'breakwater/cache-writers';

/** The outcome of one call: the store may have applied the write although the call fails. */
export type Fate = 'done' | 'failed' | 'done but failed' | 'one failed';

/** Every requested write by key, in the order of the calls. Values are their numbers. */
export class Issued {
  readonly #byKey = new Map<string, { readonly number: number; readonly type: 'set' | 'delete' }[]>();
  #last = 0;

  next(key: string, type: 'set' | 'delete'): number {
    const number = ++this.#last;
    this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), { number, type }]);
    return number;
  }

  /** The number of a write. A deletion has no number, so it returns that of the first deletion that is not before `after`. */
  numberOf(entry: WriteEntry<string, number>, after: number): number | undefined {
    const ofKey = this.#byKey.get(entry.key) ?? [];
    const number = entry.type === 'set' ? entry.value : after;
    return ofKey.find((one) => one.type === entry.type && one.number >= number)?.number;
  }

  /** The number of the last write that leaves the store in the given state. */
  lastLike(key: string, value: number | undefined): number {
    if (value !== undefined) return value;
    const deletions = (this.#byKey.get(key) ?? []).filter(({ type }) => type === 'delete');
    return deletions.at(-1)?.number ?? 0;
  }
}

/** A store that records the order of its writes and its current writers. */
export class RecordedStore {
  readonly values = new Map<string, number>();
  /** Violations of the rules. */
  readonly violations: string[] = [];
  readonly #issued: Issued;
  readonly #latest = new Map<string, number>();
  readonly #busy = new Set<string>();

  constructor(issued: Issued) {
    this.#issued = issued;
  }

  begin(entries: readonly WriteEntry<string, number>[]): void {
    if (new Set(entries.map(({ key }) => key)).size < entries.length) this.violations.push('a key twice in one call');
    for (const { key } of entries) {
      if (this.#busy.has(key)) this.violations.push(`${key} is written twice at once`);
      this.#busy.add(key);
    }
  }

  end(entries: readonly WriteEntry<string, number>[]): void {
    for (const { key } of entries) this.#busy.delete(key);
  }

  apply(entry: WriteEntry<string, number>): void {
    const latest = this.#latest.get(entry.key) ?? 0;
    const number = this.#issued.numberOf(entry, latest);
    if (number === undefined || number < latest) this.violations.push(`${entry.key} goes back to before ${latest}`);
    this.#latest.set(entry.key, number ?? latest);
    if (entry.type === 'set') this.values.set(entry.key, entry.value);
    else this.values.delete(entry.key);
  }

  /** The writing process has crashed. */
  forgetWriters(): void {
    this.#busy.clear();
  }
}

/** A list of lines that is replayed from its beginning, like an append-only file. */
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
