import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/**/*.ts'],
  format: 'esm',
  outDir: 'build',
  target: 'es2022',
  bundle: false,
  dts: false,
  clean: true,
  silent: true,
});
