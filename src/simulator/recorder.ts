import type { SeriesRow, SimulationResult, TenantCounts } from './result.js';
import { meanOf, quantile } from './statistics.js';

export type CallEnd = 'good' | 'bad' | 'refused';

/** The times that a recorder needs, in milliseconds. */
export interface RecordingTimes {
  readonly durationMs: number;
  readonly warmUpMs: number;
  readonly intervalMs: number;
}

/** What is sampled at the end of an interval. */
export type Sample = Pick<SeriesRow, 'queue' | 'limit' | 'state'>;

/** Three seconds at 95 % of the earlier share of good calls are a recovery. */
const RECOVERY_MS = 3000;
const RECOVERY_SHARE = 0.95;
const AVAILABLE_SHARE = 0.99;

/** Counts the calls of one run in typed arrays: one row per interval, by the time at which a call begins. */
export class Recorder {
  readonly #times: RecordingTimes;
  readonly #offered: Uint32Array;
  readonly #ended: Readonly<Record<CallEnd, Uint32Array>>;
  readonly #attempts: Uint32Array;
  readonly #samples: Sample[] = [];
  readonly #tenants = new Map<string, { offered: number; good: number; bad: number; refused: number }>();
  #latencies = new Float64Array(1024);
  #latencyCount = 0;
  #measuredAttempts = 0;
  #allAttempts = 0;

  constructor(times: RecordingTimes) {
    this.#times = times;
    const rows = Math.ceil(times.durationMs / times.intervalMs);
    this.#offered = new Uint32Array(rows);
    this.#ended = { good: new Uint32Array(rows), bad: new Uint32Array(rows), refused: new Uint32Array(rows) };
    this.#attempts = new Uint32Array(rows);
  }

  onOffer(at: number, tenant: string | undefined): void {
    this.#offered[this.#rowOf(at)]!++;
    if (tenant === undefined || at < this.#times.warmUpMs) return;
    const counts = this.#tenants.get(tenant);
    if (counts === undefined) this.#tenants.set(tenant, { offered: 1, good: 0, bad: 0, refused: 0 });
    else counts.offered++;
  }

  /** Counts the end of a call that began at `at`. */
  onEnd(at: number, tenant: string | undefined, end: CallEnd, durationMs: number): void {
    this.#ended[end][this.#rowOf(at)]!++;
    if (at < this.#times.warmUpMs) return;
    if (tenant !== undefined) this.#tenants.get(tenant)![end]++;
    if (end === 'good') this.#addLatency(durationMs);
  }

  onSend(now: number): void {
    this.#allAttempts++;
    if (now < this.#times.durationMs) this.#attempts[this.#rowOf(now)]!++;
    if (now >= this.#times.warmUpMs) this.#measuredAttempts++;
  }

  /** Adds what was sampled at the end of an interval. */
  addSample(sample: Sample): void {
    this.#samples.push(sample);
  }

  #rowOf(at: number): number {
    return Math.floor(at / this.#times.intervalMs);
  }

  #addLatency(ms: number): void {
    if (this.#latencyCount === this.#latencies.length) {
      const larger = new Float64Array(2 * this.#latencies.length);
      larger.set(this.#latencies);
      this.#latencies = larger;
    }
    this.#latencies[this.#latencyCount++] = ms;
  }

  /** Returns the part of the result that concerns calls. */
  results(disturbance: Disturbance): Pick<SimulationResult, Counted> {
    const series = this.#series();
    const { durationMs, warmUpMs } = this.#times;
    const measured = series.filter(({ t }) => t >= warmUpMs);
    const sum = (field: 'offered' | 'good' | 'bad' | 'refused' | 'pending') =>
      measured.reduce((total, row) => total + row[field], 0);
    const [offered, good] = [sum('offered'), sum('good')];
    const busy = measured.filter((row) => row.offered > 0);
    const available = busy.filter((row) => row.good >= AVAILABLE_SHARE * row.offered);
    return {
      offered,
      good,
      bad: sum('bad'),
      refused: sum('refused'),
      pending: sum('pending'),
      attempts: this.#allAttempts,
      goodput: (good * 1000) / (durationMs - warmUpMs),
      success: offered === 0 ? 1 : good / offered,
      availability: busy.length === 0 ? 1 : available.length / busy.length,
      amplification: offered === 0 ? 0 : this.#measuredAttempts / offered,
      timeToRecoverMs: timeToRecover(measured, this.#times.intervalMs, disturbance),
      latency: this.#latency(),
      series,
      tenants: Object.fromEntries(this.#tenants) as Record<string, TenantCounts>,
    };
  }

  #series(): SeriesRow[] {
    const none: Sample = { queue: 0, limit: undefined, state: undefined };
    return Array.from(this.#offered, (offered, row) => {
      const [good, bad, refused] = [this.#ended.good[row]!, this.#ended.bad[row]!, this.#ended.refused[row]!];
      return {
        t: row * this.#times.intervalMs,
        ...{ offered, good, bad, refused, pending: offered - good - bad - refused },
        attempts: this.#attempts[row]!,
        ...(this.#samples[row] ?? none),
      };
    });
  }

  #latency(): SimulationResult['latency'] {
    const sorted = this.#latencies.slice(0, this.#latencyCount).sort();
    return {
      meanMs: meanOf(sorted),
      p50Ms: quantile(sorted, 0.5),
      p90Ms: quantile(sorted, 0.9),
      p99Ms: quantile(sorted, 0.99),
      p999Ms: quantile(sorted, 0.999),
      maxMs: quantile(sorted, 1),
    };
  }
}

type Counted =
  | ('offered' | 'good' | 'bad' | 'refused' | 'pending' | 'attempts' | 'goodput' | 'success' | 'availability')
  | ('amplification' | 'timeToRecoverMs' | 'latency' | 'series' | 'tenants');

/** When the faults of a run begin and end; undefined if there is none. */
export type Disturbance = { readonly startMs: number; readonly endMs: number; readonly isClosed: boolean } | undefined;

/**
 * Returns the time from the end of the last fault to the first interval from which three seconds are well. The share of
 * good calls is compared, so that the noise of the arrivals does not matter; the calls of a closed load, which become
 * fewer when answers are slow, must reach their earlier number too.
 */
function timeToRecover(rows: readonly SeriesRow[], intervalMs: number, disturbance: Disturbance): number {
  if (disturbance === undefined) return 0;
  const before = rows.filter(({ t }) => t + intervalMs <= disturbance.startMs);
  const usual = before.length === 0 ? { share: 1, good: 0 } : meanRow(before);
  const count = Math.max(1, Math.round(RECOVERY_MS / intervalMs));
  for (let index = 0; index + count <= rows.length; index++) {
    const { t } = rows[index] as SeriesRow;
    if (t < disturbance.endMs) continue;
    const present = meanRow(rows.slice(index, index + count));
    const isEnough = !disturbance.isClosed || present.good >= RECOVERY_SHARE * usual.good;
    if (isEnough && present.share >= RECOVERY_SHARE * usual.share) return t - disturbance.endMs;
  }
  return Infinity;
}

function meanRow(rows: readonly SeriesRow[]): { readonly share: number; readonly good: number } {
  const offered = rows.reduce((total, row) => total + row.offered, 0);
  const good = rows.reduce((total, row) => total + row.good, 0);
  return { share: offered === 0 ? 1 : good / offered, good: good / rows.length };
}
