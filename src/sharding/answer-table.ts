import { FifoMap } from '../core/fifo-map.js';

/** The answer of a directory to a key. */
interface Answer {
  /** Undefined: that no shard has it. */
  readonly shard: string | undefined;
  readonly freshUntil: number;
}

export interface AnswerLimits {
  readonly capacity: number;
  readonly ttlMs: number;
  /** Of answers that no shard has the key; 0: those are not kept. */
  readonly negativeTtlMs: number;
  /** How long beyond their ttl answers are kept, for when there are no better ones. */
  readonly staleMs: number;
}

/** The answers a directory keeps, the least recently used first. O(1) an operation, amortized. */
export class AnswerTable {
  readonly #limits: AnswerLimits;
  readonly #answers = new FifoMap<string, Answer>();

  constructor(limits: AnswerLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#answers.size;
  }

  /** The answer, if it is fresh. */
  find(key: string, now: number): Answer | undefined {
    const answer = this.#answers.get(key);
    if (answer === undefined) return undefined;
    this.#answers.delete(key);
    if (now < answer.freshUntil || this.#isUseful(answer, now)) this.#answers.set(key, answer);
    return now < answer.freshUntil ? answer : undefined;
  }

  /** A shard that was the answer not too long ago. */
  stale(key: string, now: number): string | undefined {
    const answer = this.#answers.get(key);
    return answer !== undefined && this.#isUseful(answer, now) ? answer.shard : undefined;
  }

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

  shards(): string[] {
    return Array.from(this.#answers.keys(), (key) => this.#answers.get(key)?.shard).filter(
      (shard) => shard !== undefined,
    );
  }

  #isUseful({ shard, freshUntil }: Answer, now: number): boolean {
    return shard !== undefined && now < freshUntil + this.#limits.staleMs;
  }
}
