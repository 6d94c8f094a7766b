import type { Random } from 'breakwater';
import { NaiveCache, type NaiveEntry, type NaiveRules } from './naive-cache.js';

/** The entry that is kept longest is first. */
abstract class Listed extends NaiveCache {
  protected list: NaiveEntry[] = [];

  protected override added(entry: NaiveEntry): void {
    this.list.unshift(entry);
  }

  protected override removed(entry: NaiveEntry): void {
    this.list.splice(this.list.indexOf(entry), 1);
  }

  protected override cleared(): void {
    this.list = [];
  }

  protected override victim(among: readonly NaiveEntry[]): NaiveEntry {
    return this.list.findLast((entry) => among.includes(entry))!;
  }

  protected override inOrder(): NaiveEntry[] {
    return [...this.list];
  }
}

/** Evicts the entry that was stored first. A replaced value keeps its position. */
export class NaiveFifo extends Listed {}

/** Evicts the least recently used entry. */
export class NaiveLru extends Listed {
  protected override used(entry: NaiveEntry): void {
    this.removed(entry);
    this.added(entry);
  }
}

/**
 * The score of a new entry is one above that of the last evicted entry, and each use adds one. The lowest score is evicted
 * first, and of equal scores the one that is oldest.
 */
export class NaiveLfu extends NaiveCache {
  #age = 0;
  #uses = 0;
  readonly #scores = new Map<NaiveEntry, { score: number; since: number }>();

  protected override added(entry: NaiveEntry, uses = 1): void {
    this.#scores.set(entry, { score: this.#age + Math.max(1, uses), since: ++this.#uses });
  }

  protected override used(entry: NaiveEntry): void {
    this.#scores.set(entry, { score: this.#scores.get(entry)!.score + 1, since: ++this.#uses });
  }

  protected override uses(entry: NaiveEntry): number {
    return Math.max(0, this.#scores.get(entry)!.score - this.#age);
  }

  protected override cleared(): void {
    this.#age = 0;
  }

  protected override victim(among: readonly NaiveEntry[]): NaiveEntry {
    const victim = this.inOrder().findLast((entry) => among.includes(entry))!;
    this.#age = this.#scores.get(victim)!.score;
    return victim;
  }

  protected override inOrder(): NaiveEntry[] {
    const of = (entry: NaiveEntry) => this.#scores.get(entry)!;
    return this.entries.toSorted((a, b) => of(b).score - of(a).score || of(b).since - of(a).since);
  }
}

/**
 * A circle of slots, each with a mark that a use sets. The hand clears marks as it passes, and the first entry without a
 * mark is evicted. New entries have no mark and take the slot that was freed last.
 */
export class NaiveClock extends NaiveCache {
  #circle: (NaiveEntry | undefined)[] = [];
  #free: number[] = [];
  /** The next slot that the hand checks. */
  #hand = 0;
  readonly #marked = new Set<NaiveEntry>();

  protected override added(entry: NaiveEntry, uses = 0): void {
    this.#circle[this.#free.pop() ?? this.#circle.length] = entry;
    if (uses > 0) this.#marked.add(entry);
  }

  protected override used(entry: NaiveEntry): void {
    this.#marked.add(entry);
  }

  protected override uses(entry: NaiveEntry): number {
    return this.#marked.has(entry) ? 1 : 0;
  }

  protected override removed(entry: NaiveEntry): void {
    const slot = this.#circle.indexOf(entry);
    this.#circle[slot] = undefined;
    this.#free.push(slot);
  }

  protected override cleared(): void {
    this.#circle = [];
    this.#free = [];
    this.#hand = 0;
  }

  protected override victim(among: readonly NaiveEntry[]): NaiveEntry {
    for (;;) {
      if (this.#hand >= this.#circle.length) this.#hand = 0;
      const entry = this.#circle[this.#hand++];
      if (entry === undefined || !among.includes(entry)) continue;
      if (!this.#marked.delete(entry)) return entry;
    }
  }

  /** The hand evicts entries without a mark first, and the others in its next round. */
  protected override inOrder(): NaiveEntry[] {
    const fromHand = [...this.#circle.slice(this.#hand), ...this.#circle.slice(0, this.#hand)];
    const present = fromHand.filter((entry) => entry !== undefined);
    const isMarked = (entry: NaiveEntry) => this.#marked.has(entry);
    return [...present.filter((entry) => !isMarked(entry)), ...present.filter(isMarked)].reverse();
  }
}

/** Evicts the entry that expires first, and of several the one that was stored first. */
export class NaiveTtl extends NaiveCache {
  protected override victim(among: readonly NaiveEntry[]): NaiveEntry {
    return this.inOrder().findLast((entry) => among.includes(entry))!;
  }

  protected override inOrder(): NaiveEntry[] {
    const later = (a: number, b: number) => (a === b ? 0 : a < b ? 1 : -1); // also for Infinity
    return this.entries.toSorted((a, b) => later(a.due, b.due) || b.scheduled - a.scheduled);
  }
}

/** Evicts a random entry by one draw. Entries are in an array, and the last entry fills the gap of a removed one. */
export class NaiveRandom extends NaiveCache {
  #row: NaiveEntry[] = [];
  readonly #random: Random;

  constructor(rules: NaiveRules, now: () => number, random: Random) {
    super(rules, now);
    this.#random = random;
  }

  protected override added(entry: NaiveEntry): void {
    this.#row.push(entry);
  }

  protected override removed(entry: NaiveEntry): void {
    const last = this.#row.pop()!;
    if (last !== entry) this.#row[this.#row.indexOf(entry)] = last;
  }

  protected override cleared(): void {
    this.#row = [];
  }

  /** If the drawn entry must not be evicted, the next one is. */
  protected override victim(among: readonly NaiveEntry[]): NaiveEntry {
    const drawn = Math.floor(this.#random() * this.#row.length);
    const [first, second] = [drawn, drawn + 1].map((place) => this.#row[place % this.#row.length]!);
    return among.includes(first!) ? first! : second!;
  }

  /** The newest first, except for entries that filled a gap. */
  protected override inOrder(): NaiveEntry[] {
    return this.#row.toReversed();
  }
}
