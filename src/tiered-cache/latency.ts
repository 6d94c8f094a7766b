/** How long calls have taken, in milliseconds. */
export interface Latency {
  readonly calls: number;
  readonly meanMs: number;
  readonly maxMs: number;
}

/** Adds up how long calls take. */
export class LatencyTally {
  #calls = 0;
  #totalMs = 0;
  #maxMs = 0;

  add(ms: number): void {
    this.#calls++;
    this.#totalMs += ms;
    this.#maxMs = Math.max(this.#maxMs, ms);
  }

  get summary(): Latency {
    const calls = this.#calls;
    return { calls, meanMs: calls === 0 ? 0 : this.#totalMs / calls, maxMs: this.#maxMs };
  }
}
