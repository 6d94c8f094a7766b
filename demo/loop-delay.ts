import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 10;

/** Measures from now on by how much this process's event loop is late. Returns the 99th percentile so far, in milliseconds. */
export function watchLoopDelay(): () => number {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  // What is recorded is the time between two samples.
  return () => Math.max(0, histogram.percentile(99) / 1e6 - RESOLUTION_MS);
}
