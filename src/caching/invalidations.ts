import { type CheckedMatch, matchesKey } from './match.js';

/** An invalidation: its number among all of them, and when it was made. */
interface Mark {
  readonly number: number;
  readonly time: number;
}

/** How many marks of each kind are kept. */
const MOST_TAGS = 10_000;
const MOST_PATTERNS = 1000;

/**
 * What was invalidated by tag, by the look of keys, or as a whole. Nothing is looked for when that happens: it leaves a
 * mark with a number, and whoever reads an entry compares it with the marks that are younger than the last ones it was
 * compared with. So an invalidation costs O(1), and an entry O(its tags + new patterns) once after it. A load is treated
 * the same: it brings what was true when it began.
 *
 * Bounded: one mark for each of the last 10,000 tags (or as many as there may be entries, if those are more) and for the
 * last 1,000 patterns. A mark that is forgotten is taken to hit everything that was not compared with it.
 */
export class Invalidations {
  /** The number of the last one. */
  latest = 0;
  readonly #deletes: Marks;
  readonly #expires: Marks;

  constructor(capacity = 0) {
    this.#deletes = new Marks(Math.max(MOST_TAGS, capacity));
    this.#expires = new Marks(Math.max(MOST_TAGS, capacity));
  }

  delete(match: CheckedMatch, time: number): void {
    this.#deletes.add(match, { number: ++this.latest, time });
  }

  expire(match: CheckedMatch, time: number): void {
    this.#expires.add(match, { number: ++this.latest, time });
  }

  deleteAll(time: number): void {
    this.#deletes.forget({ number: ++this.latest, time });
  }

  /** Whether an entry was deleted since the invalidation of that number. */
  hasDeleted(key: unknown, tags: readonly string[], since: number): boolean {
    return this.#deletes.last(key, tags, since) !== undefined;
  }

  /** When an entry was last expired since then. */
  expiredAt(key: unknown, tags: readonly string[], since: number): number | undefined {
    return this.#expires.last(key, tags, since)?.time;
  }

  /** Whether any invalidation, of whichever kind, has hit it since then. */
  haveHit(key: unknown, tags: readonly string[], since: number): boolean {
    if (since === this.latest) return false;
    return this.hasDeleted(key, tags, since) || this.expiredAt(key, tags, since) !== undefined;
  }
}

/** The marks of one kind, each text with its last one. */
class Marks {
  readonly #mostTags: number;
  readonly #tags = new Map<string, Mark>();
  /** The oldest first. */
  #patterns: { readonly match: CheckedMatch; readonly mark: Mark }[] = [];
  /** The last one that hits everything. */
  #forgotten: Mark | undefined = undefined;

  constructor(mostTags: number) {
    this.#mostTags = mostTags;
  }

  add(match: CheckedMatch, mark: Mark): void {
    if (match.kind === 'tag') this.#addTag(match.text, mark);
    else this.#addPattern(match, mark);
  }

  #addTag(tag: string, mark: Mark): void {
    this.#tags.delete(tag); // so that the Map stays in the order of the marks
    this.#tags.set(tag, mark);
    if (this.#tags.size <= this.#mostTags) return;
    for (const [oldest, forgotten] of this.#tags) {
      this.#tags.delete(oldest);
      this.forget(forgotten);
      return;
    }
  }

  #addPattern(match: CheckedMatch, mark: Mark): void {
    const others = this.#patterns.filter((it) => it.match.kind !== match.kind || it.match.text !== match.text);
    others.push({ match, mark });
    if (others.length > MOST_PATTERNS) this.forget(others.shift()?.mark);
    this.#patterns = others;
  }

  forget(mark: Mark | undefined): void {
    if (mark !== undefined && mark.number > (this.#forgotten?.number ?? 0)) this.#forgotten = mark;
  }

  /** The last mark that has hit since the one of that number. */
  last(key: unknown, tags: readonly string[], since: number): Mark | undefined {
    let found = this.#forgotten;
    for (const tag of tags) found = later(found, this.#tags.get(tag));
    for (let i = this.#patterns.length - 1; i >= 0; i--) {
      const { match, mark } = this.#patterns[i] as { match: CheckedMatch; mark: Mark };
      if (mark.number <= since || mark.number < (found?.number ?? 0)) break;
      if (matchesKey(match, key)) found = mark;
    }
    return found !== undefined && found.number > since ? found : undefined;
  }
}

function later(one: Mark | undefined, other: Mark | undefined): Mark | undefined {
  return other !== undefined && other.number > (one?.number ?? 0) ? other : one;
}
