/** What a directory was told of a key. */
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

/** The answers a directory keeps, the least recently used first: a Map remembers the order in which its keys came. */
export class AnswerTable {
  readonly #limits: AnswerLimits;
  readonly #answers = new Map<string, Answer>();

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
    if (this.#answers.size > capacity) this.#answers.delete(this.#answers.keys().next().value as string);
  }

  delete(key: string): void {
    this.#answers.delete(key);
  }

  clear(): void {
    this.#answers.clear();
  }

  shards(): string[] {
    return Array.from(this.#answers.values(), ({ shard }) => shard).filter((shard) => shard !== undefined);
  }

  #isUseful({ shard, freshUntil }: Answer, now: number): boolean {
    return shard !== undefined && now < freshUntil + this.#limits.staleMs;
  }
}
