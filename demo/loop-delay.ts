import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 10;

/**
 * Starts to measure the event loop delay of this process. Returns a function that returns its 99th percentile so far,
 * in milliseconds.
 */
export function watchLoopDelay(): () => number {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  // The histogram records the time between two samples.
  return () => Math.max(0, histogram.percentile(99) / 1e6 - RESOLUTION_MS);
}
