import { bulkhead, circuitBreaker, InvalidOptionError, keyed, resilientFetch, retry } from 'breakwater';
import { expect } from 'vitest';

export type Make = (value: never) => unknown;

export const sizes: Record<string, Make> = {
  maxAttempts: (maxAttempts) => retry({ maxAttempts }),
  'window.calls': (calls) => circuitBreaker({ window: { calls } }),
  minimumCalls: (minimumCalls) => circuitBreaker({ minimumCalls }),
  consecutiveFailures: (consecutiveFailures) => circuitBreaker({ consecutiveFailures }),
  'halfOpen.probes': (probes) => circuitBreaker({ halfOpen: { probes } }),
  'halfOpen.maxFailures': (maxFailures) => circuitBreaker({ halfOpen: { maxFailures } }),
  maxConcurrent: (maxConcurrent) => bulkhead({ maxConcurrent }),
  'maxConcurrent of resize': (maxConcurrent) => bulkhead({ maxConcurrent: 1 }).resize(maxConcurrent),
  'maxConcurrent of resilientFetch': (maxConcurrent) => resilientFetch({ bulkhead: { maxConcurrent } }),
  maxQueue: (maxQueue) => bulkhead({ maxConcurrent: 1, maxQueue }),
  maxKeys: (maxKeys) => keyed(() => retry(), { maxKeys }),
  drainLimit: (drainLimit) => resilientFetch({ drainLimit }),
};

/** Each of them refuses the value at once, and names the option. */
export function refuse(makers: Record<string, Make>, value: unknown, except: readonly string[] = []): void {
  for (const [name, make] of Object.entries(makers)) {
    if (except.includes(name)) continue;
    const error = thrownBy(() => make(value as never));
    expect(error, name).toBeInstanceOf(InvalidOptionError);
    expect(error, name).toBeInstanceOf(TypeError);
    expect((error as InvalidOptionError).option, name).toContain(name.split(' ')[0]);
  }
}

function thrownBy(action: () => unknown): unknown {
  try {
    return action() as undefined;
  } catch (error) {
    return error;
  }
}

export function accept(makers: Record<string, Make>, value: unknown, names = Object.keys(makers)): void {
  for (const name of names) expect(() => makers[name]?.(value as never), name).not.toThrow();
}
