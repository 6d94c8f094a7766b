import { defineConfig } from 'vitest/config';
import config from './vitest.config.js';

/** What `npm run mutation` asks about each mutant: quick ones, and few cases of each property. */
export default defineConfig({
  ...config,
  test: {
    include: [
      'tests/{timeout,retry,bulkhead,circuit-breaker,pipeline,cache,caching,hash-ring,balancer,property}/**/*.test.ts',
      'tests/core/{bad-options,outcome}.test.ts',
      'tests/pitfalls/{policies-{retry,breaker,bulkhead},caches,placement,clocks,bad-inputs,faults-time,hostile}.test.ts',
    ],
    exclude: ['tests/**/*.http.test.ts', 'tests/cache/memory.test.ts'], // sockets, and a minute of collecting garbage
    // The same answers each time, and soon.
    setupFiles: ['tests/support/one-seed.ts'],
    env: { BREAKWATER_RUNS: '0.05' },
    isolate: false,
    testTimeout: 20_000,
  },
});
