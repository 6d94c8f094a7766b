import type { Candidate } from './picker.js';

/** Returns the load of a node relative to its weight. */
export type Load = (one: Candidate, now: number) => number;

/** The number of calls in flight. */
export const activeLoad: Load = ({ active, effectiveWeight }) => active / effectiveWeight;

/**
 * The expected duration of one more call (Finagle, PeakEwma): the response time, multiplied by the calls in flight plus
 * this one. A node that has calls in flight and has never answered is the last choice, because it may never answer.
 */
export const latencyLoad: Load = (one, now) => {
  const load = isUnmeasured(one, now) ? UNMEASURED + one.active : one.latencyMs(now) * (one.active + 1);
  return load / one.effectiveWeight;
};

/** Whether the node has calls in flight and has never answered one. */
export const isUnmeasured: (one: Candidate, now: number) => boolean = (one, now) =>
  one.active > 0 && one.latencyMs(now) === 0;

/** 2⁵⁰: above any real load, and small enough that adding 1 still changes it. esbuild keeps an unused power. */
const UNMEASURED = 0x4_0000_0000_0000;
