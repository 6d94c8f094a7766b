import { fileURLToPath } from 'node:url';
import { type BuildOptions, build, type OutputFile, stop } from 'esbuild';

/** Bundles a file of this folder, its imports included, in memory. */
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
    await stop(); // no helper process beside what is measured, and none for Ctrl-C to kill
  }
}
