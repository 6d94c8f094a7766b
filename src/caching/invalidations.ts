import { FifoMap } from '../core/fifo-map.js';
import { type CheckedMatch, matchesKey, nameOf } from './match.js';

/** An invalidation: its number among all of them, and when it was made. */
interface LogEntry {
  readonly number: number;
  readonly time: number;
}

const MOST_TAGS = 10_000;
const MOST_PATTERNS = 1000;
const MOST_MARKS_EACH = 16;

/**
 * What was invalidated by tag, by the look of keys, or as a whole. Nothing is looked for when that happens: it leaves a
 * mark with a number, and whoever reads an entry compares it with the marks that are younger than the last ones it was
 * compared with. So an invalidation costs O(1), and an entry O(its tags + new patterns) once after it. A load is treated
 * the same: it brings what was true when it began.
 *
 * Bounded: the last 10,000 tags (or as many as there may be entries, if those are more) and the last 1,000 patterns, each
 * with its last 16 marks. What is forgotten is taken to have deleted everything that was not compared with it.
 */
export class InvalidationLog {
  /** The number of the last one. */
  latest = 0;
  readonly #deletes: MatchLog;
  readonly #expires: MatchLog;
  /** The number of the last one that has deleted everything. */
  #deletedAll = 0;

  constructor(capacity = 0) {
    const mostTags = Math.max(MOST_TAGS, capacity);
    this.#deletes = new MatchLog(mostTags);
    this.#expires = new MatchLog(mostTags);
  }

  delete(match: CheckedMatch, time: number): void {
    this.#add(this.#deletes, match, time);
  }

  expire(match: CheckedMatch, time: number): void {
    this.#add(this.#expires, match, time);
  }

  deleteAll(): void {
    this.#deletedAll = ++this.latest;
  }

  #add(marks: MatchLog, match: CheckedMatch, time: number): void {
    const forgotten = marks.add(match, { number: ++this.latest, time });
    this.#deletedAll = Math.max(this.#deletedAll, forgotten);
  }

  /** Whether an entry was deleted since the invalidation of that number. */
  hasDeleted(key: unknown, tags: readonly string[], since: number): boolean {
    return this.#deletedAll > since || this.#deletes.first(key, tags, since) !== undefined;
  }

  /** When an entry was first expired since then. */
  expiredAt(key: unknown, tags: readonly string[], since: number): number | undefined {
    return this.#expires.first(key, tags, since)?.time;
  }

  /** Whether any invalidation, of whichever kind, has hit it since then. */
  hasInvalidated(key: unknown, tags: readonly string[], since: number): boolean {
    if (since === this.latest) return false;
    return this.hasDeleted(key, tags, since) || this.expiredAt(key, tags, since) !== undefined;
  }
}

/** A prefix or a glob, and its marks. */
interface Pattern {
  readonly match: CheckedMatch;
  readonly marks: LogEntry[];
}

/** The marks of one kind: of each tag and pattern its last ones, the oldest first. */
class MatchLog {
  readonly #mostTags: number;
  /** The tag marked last is the newest. */
  readonly #tags = new FifoMap<string, LogEntry[]>();
  readonly #patterns = new Map<string, Pattern>();
  /** The pattern marked last at the end. */
  readonly #order: Pattern[] = [];

  constructor(mostTags: number) {
    this.#mostTags = mostTags;
  }

  /** Gives the number of the last mark that was forgotten, or 0. */
  add(match: CheckedMatch, mark: LogEntry): number {
    return match.kind === 'tag' ? this.#addToTag(match.text, mark) : this.#addToPattern(match, mark);
  }

  #addToTag(tag: string, mark: LogEntry): number {
    const marks = this.#tags.get(tag) ?? [];
    push(marks, mark);
    this.#tags.set(tag, marks);
    return this.#tags.size > this.#mostTags ? this.#forgetOldestTag() : 0;
  }

  #forgetOldestTag(): number {
    const [tag, marks] = this.#tags.oldest as readonly [string, LogEntry[]];
    this.#tags.delete(tag);
    return lastNumber(marks);
  }

  #addToPattern(match: CheckedMatch, mark: LogEntry): number {
    const name = nameOf(match);
    const known = this.#patterns.get(name);
    const pattern = known ?? { match, marks: [] };
    push(pattern.marks, mark);
    if (known === undefined) this.#patterns.set(name, pattern);
    else this.#order.splice(this.#order.indexOf(known), 1);
    this.#order.push(pattern);
    return this.#order.length > MOST_PATTERNS ? this.#forgetOldestPattern() : 0;
  }

  #forgetOldestPattern(): number {
    const { match, marks } = this.#order.shift() as Pattern;
    this.#patterns.delete(nameOf(match));
    return lastNumber(marks);
  }

  /** The first mark that has hit since the one of that number. */
  first(key: unknown, tags: readonly string[], since: number): LogEntry | undefined {
    let found: LogEntry | undefined;
    for (const tag of tags) found = earlier(found, firstAfter(since, this.#tags.get(tag)));
    for (let i = this.#order.length - 1; i >= 0; i--) {
      const { match, marks } = this.#order[i] as Pattern;
      if (lastNumber(marks) <= since) break;
      if (matchesKey(match, key)) found = earlier(found, firstAfter(since, marks));
    }
    return found;
  }
}

/** Where there are too many, the two oldest become one: the number of the second at the time of the first. */
function push(marks: LogEntry[], mark: LogEntry): void {
  marks.push(mark);
  if (marks.length <= MOST_MARKS_EACH) return;
  const { time } = marks.shift() as LogEntry;
  const { number } = marks[0] as LogEntry;
  marks[0] = { number, time };
}

const lastNumber = (marks: readonly LogEntry[]): number => (marks[marks.length - 1] as LogEntry).number;

function firstAfter(since: number, marks: readonly LogEntry[] | undefined): LogEntry | undefined {
  return marks?.find(({ number }) => number > since);
}

function earlier(one: LogEntry | undefined, other: LogEntry | undefined): LogEntry | undefined {
  return one === undefined || (other !== undefined && other.number < one.number) ? other : one;
}
