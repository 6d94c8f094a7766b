import type { Candidate } from './picker.js';

/** How loaded a node is, for its weight. */
export type Load = (one: Candidate, now: number) => number;

/** By the calls it has in flight. */
export const activeLoad: Load = ({ active, effectiveWeight }) => active / effectiveWeight;

/**
 * By how long one more call is likely to take there (Finagle, PeakEwma): its response time, times those it has and this
 * one. A node that has calls and has never answered one is the last choice: nobody knows whether it will.
 */
export const latencyLoad: Load = (one, now) => {
  const load = isUnmeasured(one, now) ? UNMEASURED + one.active : one.latencyMs(now) * (one.active + 1);
  return load / one.effectiveWeight;
};

/** Whether the node has calls and has never answered one. */
export const isUnmeasured: (one: Candidate, now: number) => boolean = (one, now) =>
  one.active > 0 && one.latencyMs(now) === 0;

/** Above any real load, and far below where adding 1 changes nothing. */
const UNMEASURED = 2 ** 50;
