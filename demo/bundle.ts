import { fileURLToPath } from 'node:url';
import { type BuildOptions, build, type OutputFile, stop } from 'esbuild';

/** Bundles a file of this folder with its imports, in memory. */
export async function bundle(entry: string, options: BuildOptions = {}): Promise<OutputFile[]> {
  try {
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL(entry, import.meta.url))],
      outdir: '.',
      bundle: true,
      write: false,
      logLevel: 'silent',
      ...options,
    });
    return outputFiles ?? [];
  } finally {
    await stop(); // ends esbuild's process, which would otherwise run during the measurement and receive Ctrl-C
  }
}
