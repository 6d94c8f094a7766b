import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/**/*.ts'],
  format: 'esm',
  target: 'es2022',
  bundle: false,
  sourcemap: true,
  // The sources are in the package; the maps need not repeat them.
  esbuildOptions(options) {
    options.sourcesContent = false;
  },
  dts: false,
  clean: true,
  silent: true,
});
