import { createRequire } from 'node:module';
import type * as Cockatiel from 'cockatiel';

/** The newest cockatiel that the running Node may use: the fourth asks for Node 22. */
const isFourth = Number.parseInt(process.versions.node, 10) >= 22;

// How the two differ does not matter here, and only the private parts of their classes make them different types.
export const cockatiel = (await (isFourth
  ? import('cockatiel-4')
  : import('cockatiel'))) as unknown as typeof Cockatiel;

const require = createRequire(import.meta.url);
const { version } = require(isFourth ? 'cockatiel-4/package.json' : 'cockatiel/package.json') as { version: string };

/** What to call it in a table. */
export const cockatielName = `cockatiel ${version}`;

/** The same with a timeout, which it aborts after each success, unless told not to. */
export const asItComes = `${cockatielName}, as it comes`;
export const abortOff = `${cockatielName}, abortOnReturn off`;

/** The four policies that most calls want, one around the other. */
export function cockatielFour(handle: Cockatiel.Policy, abortOnReturn: boolean) {
  const { bulkhead, circuitBreaker, retry, SamplingBreaker, TimeoutStrategy, timeout, wrap } = cockatiel;
  const breaker = new SamplingBreaker({ threshold: 0.5, duration: 30_000, minimumRps: 1 });
  return wrap(
    retry(handle, { maxAttempts: 2 }),
    circuitBreaker(handle, { halfOpenAfter: 5_000, breaker }),
    bulkhead(100),
    timeout(10_000, { strategy: TimeoutStrategy.Aggressive, abortOnReturn }),
  );
}
