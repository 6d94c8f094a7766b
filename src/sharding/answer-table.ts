import { FifoMap } from '../core/fifo-map.js';

/** The answer of a directory for a key. */
interface Answer {
  /** The shard of the key; undefined if no shard has the key (a negative answer). */
  readonly shard: string | undefined;
  readonly freshUntil: number;
}

/** The limits of an `AnswerTable`. */
export interface AnswerLimits {
  readonly capacity: number;
  readonly ttlMs: number;
  /** The TTL of negative answers in milliseconds; with 0 they are not stored. */
  readonly negativeTtlMs: number;
  /** The time in milliseconds for which a stale answer is kept after its TTL, in case a load fails. */
  readonly staleMs: number;
}

/** The stored answers of a directory, in order of last use (LRU). O(1) per operation, amortized. */
export class AnswerTable {
  readonly #limits: AnswerLimits;
  readonly #answers = new FifoMap<string, Answer>();

  constructor(limits: AnswerLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#answers.size;
  }

  /** Returns the answer for a key if it is fresh. */
  find(key: string, now: number): Answer | undefined {
    const answer = this.#answers.get(key);
    if (answer === undefined) return undefined;
    this.#answers.delete(key);
    if (now < answer.freshUntil || this.#isUseful(answer, now)) this.#answers.set(key, answer);
    return now < answer.freshUntil ? answer : undefined;
  }

  /** Returns the shard of a stale answer, if it is not too old. */
  stale(key: string, now: number): string | undefined {
    const answer = this.#answers.get(key);
    return answer !== undefined && this.#isUseful(answer, now) ? answer.shard : undefined;
  }

  /** Stores an answer, and evicts the least recently used one if the table is full. */
  put(key: string, shard: string | undefined, now: number): void {
    this.#answers.delete(key);
    const { capacity, ttlMs, negativeTtlMs } = this.#limits;
    const keepMs = shard === undefined ? negativeTtlMs : ttlMs;
    if (keepMs === 0) return;
    this.#answers.set(key, { shard, freshUntil: now + keepMs });
    const { oldest } = this.#answers;
    if (this.#answers.size > capacity && oldest !== undefined) this.#answers.delete(oldest[0]);
  }

  delete(key: string): void {
    this.#answers.delete(key);
  }

  clear(): void {
    this.#answers.clear();
  }

  /** Returns the shards of all stored answers. */
  shards(): string[] {
    return Array.from(this.#answers.keys(), (key) => this.#answers.get(key)?.shard).filter(
      (shard) => shard !== undefined,
    );
  }

  /** Whether a stale answer may still be used. */
  #isUseful({ shard, freshUntil }: Answer, now: number): boolean {
    return shard !== undefined && now < freshUntil + this.#limits.staleMs;
  }
}
