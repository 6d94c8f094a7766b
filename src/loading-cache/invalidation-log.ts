import { FifoMap } from '../core/fifo-map.js';
import { type CheckedMatch, matchesKey, nameOf } from './invalidation.js';

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

  #add(log: MatchLog, match: CheckedMatch, time: number): void {
    const forgotten = log.add(match, { number: ++this.latest, time });
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
  add(match: CheckedMatch, entry: LogEntry): number {
    return match.kind === 'tag' ? this.#addToTag(match.text, entry) : this.#addToPattern(match, entry);
  }

  #addToTag(tag: string, entry: LogEntry): number {
    const log = this.#tags.get(tag) ?? [];
    push(log, entry);
    this.#tags.set(tag, log);
    return this.#tags.size > this.#mostTags ? this.#forgetOldestTag() : 0;
  }

  #forgetOldestTag(): number {
    const [tag, log] = this.#tags.oldest as readonly [string, LogEntry[]];
    this.#tags.delete(tag);
    return lastNumber(log);
  }

  #addToPattern(match: CheckedMatch, entry: LogEntry): number {
    const name = nameOf(match);
    const known = this.#patterns.get(name);
    const pattern = known ?? { match, marks: [] };
    push(pattern.marks, entry);
    if (known === undefined) this.#patterns.set(name, pattern);
    else this.#order.splice(this.#order.indexOf(known), 1);
    this.#order.push(pattern);
    return this.#order.length > MOST_PATTERNS ? this.#forgetOldestPattern() : 0;
  }

  #forgetOldestPattern(): number {
    const { match, marks: log } = this.#order.shift() as Pattern;
    this.#patterns.delete(nameOf(match));
    return lastNumber(log);
  }

  /** The first mark that has hit since the one of that number. */
  first(key: unknown, tags: readonly string[], since: number): LogEntry | undefined {
    let found: LogEntry | undefined;
    for (const tag of tags) found = earlier(found, firstAfter(since, this.#tags.get(tag)));
    for (let i = this.#order.length - 1; i >= 0; i--) {
      const { match, marks: log } = this.#order[i] as Pattern;
      if (lastNumber(log) <= since) break;
      if (matchesKey(match, key)) found = earlier(found, firstAfter(since, log));
    }
    return found;
  }
}

/** Where there are too many, the two oldest become one: the number of the second at the time of the first. */
function push(log: LogEntry[], entry: LogEntry): void {
  log.push(entry);
  if (log.length <= MOST_MARKS_EACH) return;
  const { time } = log.shift() as LogEntry;
  const { number } = log[0] as LogEntry;
  log[0] = { number, time };
}

const lastNumber = (log: readonly LogEntry[]): number => (log[log.length - 1] as LogEntry).number;

function firstAfter(since: number, log: readonly LogEntry[] | undefined): LogEntry | undefined {
  return log?.find(({ number }) => number > since);
}

function earlier(one: LogEntry | undefined, other: LogEntry | undefined): LogEntry | undefined {
  return one === undefined || (other !== undefined && other.number < one.number) ? other : one;
}
