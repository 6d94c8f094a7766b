import { FifoMap } from '../core/fifo-map.js';
import { type CheckedMatch, matchesKey, nameOf } from './invalidation.js';

/** One invalidation: its sequence number among all of them, and the time at which it was made. */
interface LogEntry {
  readonly number: number;
  readonly time: number;
}

const MOST_TAGS = 10_000;
const MOST_PATTERNS = 1000;
const MOST_ENTRIES_EACH = 16;

/**
 * The log of invalidations by tag, by prefix or glob, and of everything. An invalidation does not search for entries:
 * it adds a numbered log entry. A read compares the cache entry with the log entries that are newer than its last
 * comparison. So an invalidation costs O(1), and it costs each cache entry O(its tags + new patterns) once. A load is
 * treated the same way, with the number of the last invalidation before it began.
 *
 * The log is bounded: the last 10,000 tags (or the capacity of the cache, if that is larger) and the last 1,000
 * patterns, each with its last 16 log entries. When a tag or pattern is dropped from the log, it counts as having
 * deleted every cache entry that was not compared with it yet.
 */
export class InvalidationLog {
  /** The number of the latest invalidation. */
  latest = 0;
  readonly #deletes: MatchLog;
  readonly #expires: MatchLog;
  /** The number of the latest invalidation that deleted everything. */
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
    const dropped = log.add(match, { number: ++this.latest, time });
    this.#deletedAll = Math.max(this.#deletedAll, dropped);
  }

  /** Whether an entry was deleted after the invalidation with the number `since`. */
  hasDeleted(key: unknown, tags: readonly string[], since: number): boolean {
    return this.#deletedAll > since || this.#deletes.first(key, tags, since) !== undefined;
  }

  /** Returns the time at which an entry was first expired after the invalidation with the number `since`. */
  expiredAt(key: unknown, tags: readonly string[], since: number): number | undefined {
    return this.#expires.first(key, tags, since)?.time;
  }

  /** Whether an entry was deleted or expired after the invalidation with the number `since`. */
  hasInvalidated(key: unknown, tags: readonly string[], since: number): boolean {
    if (since === this.latest) return false;
    return this.hasDeleted(key, tags, since) || this.expiredAt(key, tags, since) !== undefined;
  }
}

/** A prefix or a glob, and its log entries. */
interface Pattern {
  readonly match: CheckedMatch;
  readonly entries: LogEntry[];
}

/** The log of one kind of invalidation: the last entries of each tag and pattern, the oldest first. */
class MatchLog {
  readonly #mostTags: number;
  /** The tag that was invalidated last is the newest. */
  readonly #tags = new FifoMap<string, LogEntry[]>();
  readonly #patterns = new Map<string, Pattern>();
  /** The patterns in the order of their last invalidation. */
  readonly #order: Pattern[] = [];

  constructor(mostTags: number) {
    this.#mostTags = mostTags;
  }

  /** Adds an entry. Returns the number of the last entry that was dropped to make room, or 0. */
  add(match: CheckedMatch, entry: LogEntry): number {
    return match.kind === 'tag' ? this.#addToTag(match.text, entry) : this.#addToPattern(match, entry);
  }

  #addToTag(tag: string, entry: LogEntry): number {
    const log = this.#tags.get(tag) ?? [];
    push(log, entry);
    this.#tags.set(tag, log);
    return this.#tags.size > this.#mostTags ? this.#dropOldestTag() : 0;
  }

  #dropOldestTag(): number {
    const [tag, log] = this.#tags.oldest as readonly [string, LogEntry[]];
    this.#tags.delete(tag);
    return lastNumber(log);
  }

  #addToPattern(match: CheckedMatch, entry: LogEntry): number {
    const name = nameOf(match);
    const known = this.#patterns.get(name);
    const pattern = known ?? { match, entries: [] };
    push(pattern.entries, entry);
    if (known === undefined) this.#patterns.set(name, pattern);
    else this.#order.splice(this.#order.indexOf(known), 1);
    this.#order.push(pattern);
    return this.#order.length > MOST_PATTERNS ? this.#dropOldestPattern() : 0;
  }

  #dropOldestPattern(): number {
    const { match, entries: log } = this.#order.shift() as Pattern;
    this.#patterns.delete(nameOf(match));
    return lastNumber(log);
  }

  /** Returns the first log entry after the number `since` that hits the key or one of the tags. */
  first(key: unknown, tags: readonly string[], since: number): LogEntry | undefined {
    let found: LogEntry | undefined;
    for (const tag of tags) found = earlier(found, firstAfter(since, this.#tags.get(tag)));
    for (let i = this.#order.length - 1; i >= 0; i--) {
      const { match, entries: log } = this.#order[i] as Pattern;
      if (lastNumber(log) <= since) break;
      if (matchesKey(match, key)) found = earlier(found, firstAfter(since, log));
    }
    return found;
  }
}

/**
 * Adds to a log. If the log is full, its two oldest entries are merged: the number of the second, the time of the
 * first.
 */
function push(log: LogEntry[], entry: LogEntry): void {
  log.push(entry);
  if (log.length <= MOST_ENTRIES_EACH) return;
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
