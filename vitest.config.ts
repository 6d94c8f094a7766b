import { defineConfig } from 'vitest/config';

/** Tests of real sockets, processes, files and packages. */
const integration = [
  'tests/**/*.{http,process}.test.ts',
  'tests/package/**/*.test.ts',
  'tests/demo/cli.test.ts',
  'tests/docs/**/*.test.ts',
];
/** Tests that install the packed package into projects of consumers. */
const installed = ['tests/package/installed/*.test.ts'];
/** Tests of real clients and database servers. */
const clients = ['tests/clients/**/*.test.ts'];
const property = ['tests/property/**/*.test.ts', 'tests/reference/**/*.property.test.ts'];

export default defineConfig({
  resolve: {
    alias: [
      { find: /^breakwater$/, replacement: `${import.meta.dirname}/src/index.ts` },
      { find: /^breakwater\/([a-z/-]+)$/, replacement: `${import.meta.dirname}/src/$1/index.ts` },
    ],
  },
  test: {
    // By default one core is left idle: half of them where there are two.
    maxWorkers: '100%',
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          // Hundreds of files: a thread starts faster than a process.
          pool: 'threads',
          testTimeout: 20_000,
          include: ['tests/**/*.test.ts'],
          exclude: [...integration, ...property, ...clients, 'tests/package/installed/**'],
        },
      },
      {
        extends: true,
        test: {
          name: 'property',
          pool: 'threads',
          include: property,
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'types',
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            include: ['tests/types/**/*.test-d.ts'],
            tsconfig: './tsconfig.json',
          },
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: integration,
          exclude: ['tests/package/installed/**', ...clients],
          testTimeout: 60_000,
          hookTimeout: 240_000,
          // Sockets and processes are timed here: one file at a time, after all the rest.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'package',
          include: installed,
          globalSetup: './tests/package/installed/setup.ts',
          testTimeout: 120_000,
          hookTimeout: 240_000,
          // Each file runs several installations and builds in parallel.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: 'clients',
          include: clients,
          globalSetup: './tests/clients/setup.ts',
          testTimeout: 60_000,
          hookTimeout: 240_000,
          // One database server each, whose connections and locks the tests count.
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      // Nothing but re-exports: tests/package/architecture.test.ts holds them to it.
      exclude: ['src/**/index.ts'],
      reporter: ['text', 'html', 'json-summary'],
      thresholds: { lines: 95, branches: 95 },
    },
  },
});
