import type { Verdict } from '../core/outcome.js';
import type { NodeEntry } from './nodes.js';
import { PeakEwma } from './peak-ewma.js';
import type { Candidate } from './pickers/picker.js';

/** How fast response times are forgotten (Finagle's default). */
export const LATENCY_DECAY_MS = 10_000;

/** What is known of a node. It lasts as long as the node is in the list, whatever else changes. */
export class NodeState implements Candidate {
  readonly node: string;
  weight: number;
  zone: string | undefined;
  index: number;
  ramp = 1;
  active = 0;
  credit = 0;
  picks = 0;
  successes = 0;
  failures = 0;
  /** What active checks say; without any, it is well. */
  isUp: boolean;
  /** Whether it has come and no check of it has ended yet. */
  isNew: boolean;
  /** Whether it is in the list of usable nodes. */
  isUsable = false;
  /** When it may come back; -Infinity when it is not ejected. */
  ejectedUntil = -Infinity;
  /** When its slow start began; -Infinity when it has none. */
  startedAt = -Infinity;
  /** Grows when the node is ejected: results of calls from before say nothing of it any more. */
  generation = 0;
  readonly #latency = new PeakEwma(LATENCY_DECAY_MS);

  constructor({ node, weight, zone }: NodeEntry, index: number, isUp: boolean) {
    this.node = node;
    this.weight = weight;
    this.zone = zone;
    this.index = index;
    this.isUp = isUp;
    this.isNew = !isUp;
  }

  get isEjected(): boolean {
    return this.ejectedUntil > -Infinity;
  }

  get isHealthy(): boolean {
    return this.isUp && !this.isEjected;
  }

  get effectiveWeight(): number {
    return this.weight * this.ramp;
  }

  latencyMs(now: number): number {
    return this.#latency.at(now);
  }

  /** A call has ended after so long. */
  observe(elapsedMs: number, now: number, verdict: Verdict): void {
    const tookMs = Math.max(0, elapsedMs); // a clock may step back
    if (verdict === 'success') this.#latency.observe(tookMs, now);
    else if (verdict === 'ignore') this.#latency.observeAtLeast(tookMs, now);
    else this.#latency.observeFailure(tookMs, now);
  }
}
