import { type Duration, toMs } from '../core/duration.js';
import { checkNumber, readOptions } from '../core/options.js';

/** The options of slow start. */
export interface SlowStartOptions {
  /** The time until a new or returning node has its full weight, in milliseconds or as a duration. */
  readonly duration: Duration;
  /**
   * The shape of the ramp, above 0. With 1 the weight grows linearly, with a larger value faster at first, with a
   * smaller value slower at first. @defaultValue 1
   */
  readonly aggression?: number | undefined;
  /** The minimum share of its weight that a node has from the beginning: above 0, at most 1. @defaultValue 0.1 */
  readonly minShare?: number | undefined;
}

/** Returns the share of its weight that a node has a number of milliseconds after its start; 1 for the full weight. */
export type Ramp = (sinceMs: number) => number;

/** Reads the `slowStart` option. @param option - The options, or only the duration. */
export function readSlowStart(owner: string, option: Duration | SlowStartOptions | undefined): Ramp {
  if (option === undefined) return () => 1;
  const given = typeof option === 'object' ? option : { duration: option };
  const defaults = { duration: undefined, aggression: 1, minShare: 0.1 };
  const own = readOptions<SlowStartOptions, typeof defaults>(owner, given, defaults, 'slowStart');
  const durationMs = toMs(owner, typeof option === 'object' ? 'slowStart.duration' : 'slowStart', own.duration);
  const aggression = checkNumber(owner, 'slowStart.aggression', own.aggression, { above: 0 });
  const minShare = checkNumber(owner, 'slowStart.minShare', own.minShare, { above: 0, max: 1 });
  // Envoy's formula. The first second counts as a whole one, because shorter times would be too short to be meaningful.
  return (sinceMs) => Math.min(1, Math.max(minShare, (Math.max(sinceMs, 1000) / durationMs) ** (1 / aggression)));
}
