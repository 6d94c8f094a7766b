/**
 * Returns the milliseconds since the machine started: monotonic and equal in all its processes, so that times can be
 * compared.
 */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6;
