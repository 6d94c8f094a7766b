import type pc from 'picocolors';
import type { Transition } from './clients.js';

export type Colors = ReturnType<typeof pc.createColors>;

export const NAMES = { plain: 'plain fetch', resilient: 'resilientFetch' } as const;

export const percent = (share: number | null): string => (share === null ? '–' : `${(100 * share).toFixed(1)} %`);

export const millis = (ms: number | null): string => (ms === null ? '–' : `${Math.round(ms)} ms`);

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** Returns the state of the breaker at a time. */
export function breakerAt(transitions: readonly Transition[], atMs: number): string {
  return transitions.filter((change) => change.atMs <= atMs).at(-1)?.to ?? 'closed';
}
