/** The number of parts of the window. When a part has passed, the oldest one is forgotten. */
const PARTS = 10;

/** The largest number of priorities that are distinguished in a part. Further ones count as the nearest known one. */
const MAX_PRIORITIES = 1000;

/** A part in which more than this share of the admitted calls was rejected shows an overload. */
const TOLERATED_REJECTIONS = 0.002;

/** The growth of the admitted share after a part without an overload. Each further one has `ACCELERATION` times as much. */
const FIRST_GROWTH = 0.005;
const ACCELERATION = 1.5;
const MOST_GROWTH = 0.5;

/** The lowest admitted share. From a lower one, the way back would be long. */
const LEAST_SHARE = 0.01;

/**
 * The calls of a sliding window by priority, and the share of them that is admitted. When a part of the window ends, the
 * share shrinks by the share of admitted calls that the limits inside have rejected, or else grows. The threshold is
 * computed then, and is constant in between.
 */
export class PriorityCounts {
  /** The priority at the quantile of the admitted share; `Infinity` if all calls are admitted. */
  threshold = Infinity;
  /** The share of all calls that is admitted. */
  admitted = 1;
  /** The share of the calls with exactly the priority of the threshold that is admitted. */
  #shareAtThreshold = 1;
  #growth = FIRST_GROWTH;
  readonly #partMs: number;
  /** The calls of each part by priority, the current one last. */
  #parts: Map<number, number>[] = [new Map()];
  #partEnd: number;
  /** The admitted calls of the current part, and those of them that the limits inside have rejected. */
  #passed = 0;
  #rejected = 0;

  constructor(windowMs: number, now: number) {
    this.#partMs = windowMs / PARTS;
    this.#partEnd = now + this.#partMs;
  }

  /** Ends the parts of the window that have passed. */
  advance(now: number): void {
    if (now < this.#partEnd) return;
    const ended = Math.min(PARTS, 1 + Math.floor((now - this.#partEnd) / this.#partMs));
    for (let part = 0; part < ended; part++) {
      this.#adaptShare();
      this.#parts.push(new Map());
    }
    if (ended === PARTS) this.admitted = 1; // no call in a whole window: nothing is known of the present load
    this.#parts = this.#parts.slice(-PARTS);
    this.#partEnd = now + this.#partMs;
    this.#updateThreshold();
  }

  countCall(priority: number): void {
    const calls = this.#parts.at(-1) as Map<number, number>;
    const known = calls.size < MAX_PRIORITIES || calls.has(priority) ? priority : nearest(calls.keys(), priority);
    calls.set(known, (calls.get(known) ?? 0) + 1);
  }

  /** Counts a call that the gate has admitted. */
  countPassed(): void {
    this.#passed++;
  }

  /** Counts an admitted call that a limit inside has rejected. */
  countRejected(): void {
    this.#rejected++;
  }

  /** Returns the share of the calls of a priority that is admitted. */
  shareOf(priority: number): number {
    if (priority === this.threshold) return this.#shareAtThreshold;
    return priority < this.threshold ? 1 : 0;
  }

  #adaptShare(): void {
    const rejectedShare = Math.min(1, this.#rejected / Math.max(1, this.#passed));
    this.#passed = 0;
    this.#rejected = 0;
    if (rejectedShare > TOLERATED_REJECTIONS) {
      this.admitted = Math.max(LEAST_SHARE, this.admitted * (1 - rejectedShare));
      this.#growth = FIRST_GROWTH;
    } else {
      this.admitted = Math.min(1, this.admitted * (1 + this.#growth));
      this.#growth = Math.min(MOST_GROWTH, ACCELERATION * this.#growth);
    }
  }

  /** Computes the threshold: from the least important calls of the window, as many as are not admitted are beyond it. */
  #updateThreshold(): void {
    this.threshold = Infinity;
    this.#shareAtThreshold = 1;
    if (this.admitted === 1) return;
    const totals = new Map<number, number>();
    let calls = 0;
    for (const [priority, count] of this.#parts.flatMap((part) => [...part])) {
      calls += count;
      totals.set(priority, (totals.get(priority) ?? 0) + count);
    }
    let toReject = (1 - this.admitted) * calls;
    for (const [priority, count] of [...totals].sort(([a], [b]) => b - a)) {
      this.threshold = priority;
      this.#shareAtThreshold = Math.max(0, 1 - toReject / count);
      toReject -= count;
      if (toReject <= 0) return;
    }
  }
}

function nearest(priorities: Iterable<number>, priority: number): number {
  let best = Infinity;
  for (const one of priorities) if (Math.abs(one - priority) < Math.abs(best - priority)) best = one;
  return best;
}
