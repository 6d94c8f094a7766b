/**
 * What an import costs: `npm run import-cost`, after `npm run build`. Each import runs in a process of its own, in turns
 * with the others, and the least CPU time counts: of the import alone, and of the whole process with Node's start.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROUNDS = Number(process.env.IMPORT_ROUNDS ?? 15);
const root = fileURLToPath(new URL('../../', import.meta.url));

if (!existsSync(join(root, 'dist/index.js'))) throw new Error('dist is missing: run "npm run build" first');

/** cockatiel 4 is no development dependency, since it needs Node 22 when it runs. To import it, Node 20 is enough. */
const cwd = mkdtempSync(join(tmpdir(), 'breakwater-imports-'));
writeFileSync(join(cwd, 'package.json'), '{"private":true,"type":"module"}');
const packages = ['cockatiel@4.0.0', 'cockatiel3@npm:cockatiel@3.2.1', 'opossum@9.0.0', 'p-retry@7.1.1'];
execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...packages], { cwd });
for (const name of ['package.json', 'dist']) {
  cpSync(join(root, name), join(cwd, 'node_modules/breakwater', name), { recursive: true });
}

/** The specifier of each import, by its name in the table. */
const imports: Record<string, string> = {
  'cockatiel 3': 'cockatiel3',
  'cockatiel 4': 'cockatiel',
  opossum: 'opossum',
  'p-retry': 'p-retry',
  breakwater: 'breakwater',
  'breakwater/retry': 'breakwater/retry',
  'breakwater/cache': 'breakwater/cache',
  'breakwater/fetch': 'breakwater/fetch',
};

interface Cost {
  readonly alone: number;
  readonly total: number;
}

function measure(specifier: string): Cost {
  const program = `
    const before = process.cpuUsage();
    await import('${specifier}');
    const [alone, total] = [process.cpuUsage(before), process.cpuUsage()];
    console.log(JSON.stringify([alone, total].map(({ user, system }) => (user + system) / 1000)));`;
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd, encoding: 'utf8' });
  const [alone, total] = JSON.parse(printed) as [number, number];
  return { alone, total };
}

const least = new Map<string, Cost>();
try {
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, specifier] of Object.entries(imports)) {
      const { alone, total } = measure(specifier);
      const before = least.get(name) ?? { alone, total };
      least.set(name, { alone: Math.min(alone, before.alone), total: Math.min(total, before.total) });
    }
  }
} finally {
  rmSync(cwd, { recursive: true, force: true });
}

const against = ['cockatiel 3', 'cockatiel 4', 'p-retry'];
console.log(`CPU time in ms, least of ${ROUNDS} interleaved rounds, Node ${process.version}`);
console.table(
  Object.fromEntries(
    [...least].map(([name, { alone, total }]) => {
      const ratios = against.map((peer) => [`÷ ${peer}`, (alone / least.get(peer)!.alone).toFixed(2)]);
      return [name, { import: alone.toFixed(1), 'whole process': total.toFixed(1), ...Object.fromEntries(ratios) }];
    }),
  ),
);
