/**
 * How the cost of public operations grows: `npm run scaling`, or `npm run scaling -- cache` for the rows whose names begin
 * with that. Each row makes n uses of something of size n, and 10 n uses of something of size 10 n; the minimum of 5 CPU times
 * counts. What is O(1) or O(log n) a use takes 10 to 13 times as long. Above 15 times is a failure, unless
 * the doc comment of the operation says O(n).
 *
 * A row that fails is run alone twice more, in a process of its own, since a busy machine can fail it: it has failed if
 * it fails each time. Not part of the checks of a change, which no timing decides.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import pc from 'picocolors';
import { rows } from './rows.js';

export interface Row {
  /** The size of the smaller of the two. @defaultValue 500 */
  readonly n?: number;
  /**
   * - `memory`: O(1) or O(log n), but what is used at random does not fit into the caches of a CPU at 10 n. By itself that
   *   makes a use up to three times as long, in lru-cache (1.8 times) and in a bare Map as well.
   * - `O(n)`: as the doc comment says of one use.
   */
  readonly bound?: 'memory' | 'O(n)';
  /** Makes something of size n. The function it returns uses it n times. */
  readonly make: (n: number) => Uses | Promise<Uses>;
}

type Uses = () => unknown;

const ROUNDS = 5;
const SIZE = 500;
const WARM_UP_USES = 20_000;
/** Times the cost of n uses that 10 n uses may cost. A use that is O(n) makes it a hundred times. */
const LIMITS = { none: 15, memory: 40, 'O(n)': 150 };

interface Growth {
  readonly smallNs: number;
  readonly largeNs: number;
  readonly ratio: number;
}

/** CPU time of a use, where `count` things of size n are used n times each. */
async function cpuNs(row: Row, n: number, count: number): Promise<number> {
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const all: Uses[] = [];
    while (all.length < count) all.push(await row.make(n));
    globalThis.gc?.();
    const before = process.cpuUsage();
    for (const uses of all) await uses();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) * 1e3);
  }
  return least / (n * count);
}

/** Ten small ones against a large one, so that both allocate the same and take the same room in memory. */
async function growthOf(row: Row): Promise<Growth> {
  const { n = SIZE } = row;
  for (let uses = 0; uses < WARM_UP_USES; uses += n) await (await row.make(n))();
  const [smallNs, largeNs] = [await cpuNs(row, n, 10), await cpuNs(row, 10 * n, 1)];
  return { smallNs, largeNs, ratio: (10 * largeNs) / smallNs };
}

const limitOf = ({ bound }: Row) => LIMITS[bound ?? 'none'];

function growthAlone(name: string): Growth {
  const script = fileURLToPath(import.meta.url);
  const args = [...process.execArgv, script, '--alone', name];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Growth;
}

async function runAll(prefix: string): Promise<void> {
  const table = new Table({ head: ['operation', 'n', 'ns a use', 'at 10 n', 'cost of 10 n / n', ''] });
  let failed = 0;
  for (const [name, row] of Object.entries(rows)) {
    if (!name.startsWith(prefix)) continue;
    const limit = limitOf(row);
    const runs = [await growthOf(row)];
    while (runs.length < 3 && runs.at(-1)!.ratio > limit) runs.push(growthAlone(name));
    const { smallNs, largeNs, ratio } = runs.at(-1)!;
    const verdict = ratio > limit ? pc.red(`✗ above ${limit}`) : (row.bound ?? '');
    if (ratio > limit) failed++;
    table.push([name, row.n ?? SIZE, smallNs.toFixed(0), largeNs.toFixed(0), ratio.toFixed(1), verdict]);
  }
  console.log(table.toString());
  console.log(
    failed === 0 ? 'every operation grows as documented' : `${failed} operations grow faster than documented`,
  );
  process.exit(failed === 0 ? 0 : 1);
}

const [first = '', name = ''] = process.argv.slice(2);
if (first === '--alone') {
  console.log(JSON.stringify(await growthOf(rows[name]!)));
  process.exit(0);
}
await runAll(first);
