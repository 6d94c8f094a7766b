/** Milliseconds since the machine started: monotonic, and the same for all its processes, so that they can compare. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6;
