/** `npm run bench`, or `npm run bench -- retry timeout`: each module against its peers, in one run. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import Table from 'cli-table3';
import { build } from 'esbuild';
import type { Candidates } from './bench.js';

interface Result {
  readonly ns: number;
  readonly floorNs: number;
  readonly bytes: number;
}

const ROUNDS = 3;
const here = new URL('./', import.meta.url);
const built = new URL('../reports/bench/', import.meta.url);
const known = readdirSync(here).flatMap((file) => (file.endsWith('.bench.ts') ? [file.slice(0, -9)] : []));

/** Built as the package is: what runs TypeScript directly adds to every function that is made. */
async function buildAll(): Promise<void> {
  const { devDependencies } = JSON.parse(readFileSync(new URL('../package.json', here), 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  await build({
    entryPoints: ['measure.ts', ...known.map((name) => `${name}.bench.ts`)].map((file) => new URL(file, here).pathname),
    outdir: built.pathname,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'es2022',
    external: Object.keys(devDependencies),
  });
}

/** Time as it is in production; bytes with a nursery so large that nothing is collected, which is slow by itself. */
const flags = {
  time: [],
  bytes: ['--expose-gc', '--max-semi-space-size=256', '--min-semi-space-size=256'],
};

async function measureOne(what: 'time' | 'bytes', moduleName: string, candidate: string): Promise<object> {
  const program = new URL('measure.js', built).pathname;
  const args = [...flags[what], program, what, moduleName, candidate];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 120_000 });
  return JSON.parse(stdout) as object;
}

async function measure(moduleName: string, candidate: string): Promise<Result> {
  const [time, bytes] = [
    await measureOne('time', moduleName, candidate),
    await measureOne('bytes', moduleName, candidate),
  ];
  return { ...time, ...bytes } as Result;
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] as number;

async function bench(moduleName: string): Promise<void> {
  const { candidates } = (await import(new URL(`${moduleName}.bench.js`, built).href)) as { candidates: Candidates };
  const names = Object.keys(candidates).filter((name) => candidates[name]?.kind !== 'floor');
  const results = new Map<string, Result[]>(names.map((name) => [name, []]));
  // In turns, so that a busy minute of the machine does not fall on one candidate.
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of names) results.get(name)?.push(await measure(moduleName, name));
  }
  const of = (name: string, pick: (result: Result) => number) => median((results.get(name) as Result[]).map(pick));
  const ratio = (name: string) => of(name, ({ ns, floorNs }) => ns / floorNs);

  const table = new Table({ head: [moduleName, 'ns', '× floor', 'bytes', 'ours / this'], style: { head: [] } });
  const mine = names.filter((name) => candidates[name]?.kind === 'ours');
  for (const name of names) {
    // Compared by their ratios to the floor of their own process: that floor moves with the machine.
    const share =
      candidates[name]?.kind === 'ours' ? '' : mine.map((one) => (ratio(one) / ratio(name)).toFixed(2)).join(', ');
    const [ns, bytes] = [of(name, (result) => result.ns), of(name, (result) => result.bytes)];
    table.push([name, ns.toFixed(0), ratio(name).toFixed(2), bytes.toFixed(0), share]);
  }
  const floorNs = median(names.map((name) => of(name, (result) => result.floorNs)));
  console.log(
    `${table.toString()}\nfloor ${floorNs.toFixed(0)} ns; bytes beyond the floor's; Node ${process.version}\n`,
  );
}

await buildAll();
const wanted = process.argv.slice(2);
for (const name of wanted.length > 0 ? wanted : known.sort()) {
  if (!known.includes(name)) throw new Error(`no benchmark "${name}"; there are ${known.join(', ')}`);
  await bench(name);
}
