import { type Duration, toMs } from '../core/duration.js';
import { checkNumber, readOptions } from '../core/options.js';

export interface SlowStartOptions {
  /** How long it takes until a node that has come, or come back, has its whole weight. */
  readonly duration: Duration;
  /** 1: its weight grows evenly; above 1 sooner at first, below 1 later. Above 0. @defaultValue 1 */
  readonly aggression?: number | undefined;
  /** What part of its weight it has at the least. Above 0, at most 1. @defaultValue 0.1 */
  readonly minShare?: number | undefined;
}

/** What part of its weight a node has that many milliseconds after it came; 1 once it has all of it. */
export type Ramp = (sinceMs: number) => number;

/** @param option - a Duration for short. */
export function readSlowStart(owner: string, option: Duration | SlowStartOptions | undefined): Ramp {
  if (option === undefined) return () => 1;
  const given = typeof option === 'object' ? option : { duration: option };
  const defaults = { duration: undefined, aggression: 1, minShare: 0.1 };
  const own = readOptions<SlowStartOptions, typeof defaults>(owner, given, defaults, 'slowStart');
  const durationMs = toMs(owner, typeof option === 'object' ? 'slowStart.duration' : 'slowStart', own.duration);
  const aggression = checkNumber(owner, 'slowStart.aggression', own.aggression, { above: 0 });
  const minShare = checkNumber(owner, 'slowStart.minShare', own.minShare, { above: 0, max: 1 });
  // Envoy's formula. The first second counts as a whole one: nothing can be told from less.
  return (sinceMs) => Math.min(1, Math.max(minShare, (Math.max(sinceMs, 1000) / durationMs) ** (1 / aggression)));
}
