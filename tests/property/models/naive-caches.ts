import type { Random } from 'breakwater';
import { NaiveCache, type NaiveEntry, type NaiveRules } from './naive-cache.js';

/** What is kept longest is in front. */
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

/** What was stored first goes first; a value that is replaced keeps its place. */
export class NaiveFifo extends Listed {}

/** What was not used for longest goes first. */
export class NaiveLru extends Listed {
  protected override used(entry: NaiveEntry): void {
    this.removed(entry);
    this.added(entry);
  }
}

/**
 * A newcomer's score is one above that of the entry evicted last, each use adds one. The lowest score goes first, and of
 * several the one that has had it for longest.
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
 * A circle of slots, each with a mark that a use sets. The hand takes marks away as it passes, and the first entry
 * without one goes. Newcomers have none; they take the slot that was given up last.
 */
export class NaiveClock extends NaiveCache {
  #circle: (NaiveEntry | undefined)[] = [];
  #free: number[] = [];
  /** The slot it will look at next. */
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

  /** The hand takes those without a mark first, and the others the next time it comes round. */
  protected override inOrder(): NaiveEntry[] {
    const fromHand = [...this.#circle.slice(this.#hand), ...this.#circle.slice(0, this.#hand)];
    const there = fromHand.filter((entry) => entry !== undefined);
    const isMarked = (entry: NaiveEntry) => this.#marked.has(entry);
    return [...there.filter((entry) => !isMarked(entry)), ...there.filter(isMarked)].reverse();
  }
}

/** What expires first goes first; of several, what was stored first. */
export class NaiveTtl extends NaiveCache {
  protected override victim(among: readonly NaiveEntry[]): NaiveEntry {
    return this.inOrder().findLast((entry) => among.includes(entry))!;
  }

  protected override inOrder(): NaiveEntry[] {
    const later = (a: number, b: number) => (a === b ? 0 : a < b ? 1 : -1); // Infinity, too
    return this.entries.toSorted((a, b) => later(a.due, b.due) || b.scheduled - a.scheduled);
  }
}

/** Any entry goes, by one draw. Entries stand side by side, the last one fills the hole that another leaves. */
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

  /** Where one was drawn that may not go, the one beside it goes. */
  protected override victim(among: readonly NaiveEntry[]): NaiveEntry {
    const drawn = Math.floor(this.#random() * this.#row.length);
    const [first, second] = [drawn, drawn + 1].map((place) => this.#row[place % this.#row.length]!);
    return among.includes(first!) ? first! : second!;
  }

  /** The newest first, but for those that filled a hole. */
  protected override inOrder(): NaiveEntry[] {
    return this.#row.toReversed();
  }
}
