import type { Verdict } from '../core/outcome.js';
import { HealthCounts } from './health-counts.js';
import type { NodeEntry } from './nodes.js';
import { PeakEwma } from './peak-ewma.js';
import type { Candidate } from './pickers/picker.js';

/** The decay time of response times in milliseconds (Finagle's default). */
export const LATENCY_DECAY_MS = 10_000;

/** The state of a node. It is kept as long as the node is in the list. */
export class NodeState implements Candidate {
  readonly node: string;
  weight: number;
  zone: string | undefined;
  group: PriorityGroup;
  index: number;
  ramp = 1;
  active = 0;
  credit = 0;
  picks = 0;
  successes = 0;
  failures = 0;
  /** Whether active checks pass. True without checks. */
  isUp: boolean;
  /** Whether the node is new and none of its checks has ended yet. */
  isNew: boolean;
  /** Whether the node is in the list of usable nodes. */
  isUsable = false;
  /** The time at which the ejection ends; -Infinity if the node is not ejected. */
  ejectedUntil = -Infinity;
  /** The time at which slow start began; -Infinity if there is none. */
  startedAt = -Infinity;
  /** Incremented when the node is ejected: outcomes of calls that began before no longer count. */
  generation = 0;
  readonly #latency = new PeakEwma(LATENCY_DECAY_MS);

  constructor({ node, weight, zone }: NodeEntry, group: PriorityGroup, index: number, isUp: boolean) {
    this.node = node;
    this.weight = weight;
    this.zone = zone;
    this.group = group;
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

  /**
   * Records the duration of a call that has ended. A throttled response counts as a failure here: it is fast, and must
   * not attract more calls.
   */
  observe(elapsedMs: number, now: number, verdict: Verdict): void {
    const tookMs = Math.max(0, elapsedMs); // the clock may be set back
    if (verdict === 'success') this.#latency.observe(tookMs, now);
    else if (verdict === 'ignore') this.#latency.observeAtLeast(tookMs, now);
    else this.#latency.observeFailure(tookMs, now);
  }
}

/** The nodes of one priority. */
export class PriorityGroup {
  readonly priority: number;
  /** All nodes of the group. */
  nodes: readonly NodeState[] = [];
  /** The usable nodes of the group. Replaced by a new list whenever its content changes. Not set for a single group. */
  usable: readonly NodeState[] = [];
  readonly counts = new HealthCounts();
  /** The share of the calls that the group gets. */
  share = 0;
  /** Whether calls go to the unhealthy nodes of the group as well. */
  usesAll = false;

  constructor(priority: number) {
    this.priority = priority;
  }
}
