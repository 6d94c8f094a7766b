import { vi } from 'vitest';

/** Waits until the assertion holds: soon, on any machine that is not standing still. */
export function eventually<T>(assertion: () => T): Promise<Awaited<T>> {
  return vi.waitFor(assertion, { timeout: 15_000, interval: 5 }) as Promise<Awaited<T>>;
}
