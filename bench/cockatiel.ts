import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type * as Cockatiel from 'cockatiel';

/** The newest cockatiel that the running Node supports: version 4 needs Node 22. */
const isFourth = Number.parseInt(process.versions.node, 10) >= 22;

// Version 4 is in a package of its own beside this file, which build.ts installs. The built file is in reports/bench.
const require = createRequire(isFourth ? new URL('../../bench/package.json', import.meta.url) : import.meta.url);

// The two differ in nothing that matters here; only the private parts of their classes make them different types.
export const cockatiel = (await import(pathToFileURL(require.resolve('cockatiel')).href)) as typeof Cockatiel;

const { version } = require('cockatiel/package.json') as { version: string };

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
