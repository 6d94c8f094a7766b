import type { Transition } from './clients.js';
import { isBusy, type Lateness, type Run } from './run.js';
import type { Call, Side } from './traffic.js';

/** The figures of one side in a span of time. */
export interface Figures {
  readonly requests: number;
  readonly successes: number;
  /** The share of calls that succeeded. Null without requests, as are the percentiles. */
  readonly successRate: number | null;
  /** How long callers waited for a response or an error. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  /** The number of requests that reached the server, including every attempt. */
  readonly upstreamRequests: number;
}

/** The output of --json. */
export interface JsonResult {
  readonly scenario: string;
  /** The length of the run. */
  readonly seconds: number;
  readonly plain: Figures;
  readonly resilient: Figures & { readonly breakerTransitions: readonly Transition[] };
  /** Present only if the machine was too busy for reliable figures. */
  readonly busy?: Lateness;
}

/** Returns the smallest value that at least the share `q` of all values does not exceed (nearest rank). */
export function percentile(values: readonly number[], q: number): number | undefined {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
}

/** Returns the figures of the calls that started, and of the requests that arrived, in [fromMs, toMs). */
export function figures(side: Side, fromMs = 0, toMs = Number.POSITIVE_INFINITY): Figures {
  const within = (ms: number): boolean => ms >= fromMs && ms < toMs;
  const calls = side.calls.filter(({ startMs }) => within(startMs));
  return { ...ofCalls(calls), upstreamRequests: side.arrivals.filter(within).length };
}

/** Returns the figures of a list of calls. */
export function ofCalls(calls: readonly Call[]): Omit<Figures, 'upstreamRequests'> {
  const successes = calls.filter(({ failure }) => failure === undefined).length;
  const latencies = calls.map(({ latencyMs }) => latencyMs);
  return {
    requests: calls.length,
    successes,
    successRate: calls.length === 0 ? null : successes / calls.length,
    p50Ms: percentile(latencies, 0.5) ?? null,
    p99Ms: percentile(latencies, 0.99) ?? null,
  };
}

/** Returns the calls that ended after `sinceMs`. Searches from the end, since the list is in the order of ends. */
export function endedSince({ calls }: Side, sinceMs: number): Call[] {
  let from = calls.length;
  while (from > 0 && calls[from - 1]!.startMs + calls[from - 1]!.latencyMs > sinceMs) from--;
  return calls.slice(from);
}

/** Returns the reasons of failed calls with their counts, the most frequent first. */
export function failures(side: Side): [reason: string, count: number][] {
  const counts = new Map<string, number>();
  for (const { failure } of side.calls) {
    if (failure !== undefined) counts.set(failure, (counts.get(failure) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a);
}

export function jsonResult(run: Run, lateness: Lateness): JsonResult {
  const rounded = (side: Side): Figures => {
    const exact = figures(side);
    return {
      ...exact, // keeps the order of the keys
      successRate: round(exact.successRate, 4),
      p50Ms: round(exact.p50Ms, 1),
      p99Ms: round(exact.p99Ms, 1),
    };
  };
  return {
    scenario: run.settings.scenario.name,
    seconds: round(Math.min(run.elapsedMs() / 1000, run.settings.seconds), 1),
    plain: rounded(run.plain),
    resilient: {
      ...rounded(run.resilient),
      breakerTransitions: run.resilient.transitions.map(({ atMs, ...change }) => ({
        atMs: Math.round(atMs),
        ...change,
      })),
    },
    ...(isBusy(lateness) && {
      busy: { loopDelayMs: Math.round(lateness.loopDelayMs), latestCallMs: Math.round(lateness.latestCallMs) },
    }),
  };
}

function round<T extends number | null>(value: T, digits: number): T {
  return (value === null ? null : Number(value.toFixed(digits))) as T;
}
