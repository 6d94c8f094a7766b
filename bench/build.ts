import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { build } from 'esbuild';

const here = new URL('./', import.meta.url);

/** The folder of the built benchmarks. */
export const built = new URL('../reports/bench/', import.meta.url);

const known = readdirSync(here)
  .flatMap((file) => (file.endsWith('.bench.ts') ? [file.slice(0, -9)] : []))
  .sort();

/** The benchmarks whose names begin with one of the prefixes; all of them without any prefix. */
export function namesOf(prefixes: readonly string[]): readonly string[] {
  for (const prefix of prefixes) {
    if (!known.some((name) => name.startsWith(prefix)))
      throw new Error(`no benchmark "${prefix}"; there are ${known.join(', ')}`);
  }
  return known.filter((name) => prefixes.length === 0 || prefixes.some((prefix) => name.startsWith(prefix)));
}

/** Builds as the package is built: what runs TypeScript directly adds to every function that is made. */
export async function buildBenches(): Promise<void> {
  installPeers();
  const { devDependencies } = JSON.parse(readFileSync(new URL('../package.json', here), 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  const files = ['measure.ts', 'server.ts', ...known.map((name) => `${name}.bench.ts`)];
  await build({
    entryPoints: files.map((file) => new URL(file, here).pathname),
    outdir: built.pathname,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'es2022',
    sourcemap: true,
    external: Object.keys(devDependencies),
  });
}

/** Installs the peers that need Node 22 or later, on the first run with such a Node. */
function installPeers(): void {
  const isSupported = Number.parseInt(process.versions.node, 10) >= 22;
  if (!isSupported || existsSync(new URL('node_modules/', here))) return;
  execFileSync('npm', ['ci', '--ignore-scripts'], { cwd: here, stdio: 'inherit' });
}
