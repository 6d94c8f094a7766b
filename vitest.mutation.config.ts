import { defineConfig } from 'vitest/config';
import config from './vitest.config.js';

/** What `npm run mutation` asks about each mutant: quick ones, and few cases of each property. */
export default defineConfig({
  ...config,
  test: {
    include: [
      'tests/{timeout,retry,hedge,overload,chaos,bulkhead,circuit-breaker,pipeline,cache,loading-cache,tiered-cache,cache-writers,coalesce,hash-ring,load-balancer,property}/**/*.test.ts',
      'tests/core/{bad-options,outcome,sizes,durations,thrown-values,clock-jumps,long-timers,replaced-timers}.test.ts',
    ],
    // Sockets, processes, and a test that collects garbage for a minute.
    exclude: ['tests/**/*.{http,process}.test.ts', 'tests/cache/memory.test.ts'],
    // The same answers each time, and soon.
    setupFiles: ['tests/support/one-seed.ts'],
    env: { BREAKWATER_RUNS: '0.05' },
    isolate: false,
    testTimeout: 20_000,
  },
});
