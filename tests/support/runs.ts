const share = Number(process.env.BREAKWATER_RUNS ?? 1);

/** How often a property is tried: `usual` times, or BREAKWATER_RUNS of that (0.05: a twentieth). */
export function runs(usual: number): number {
  return Math.ceil(usual * share);
}
