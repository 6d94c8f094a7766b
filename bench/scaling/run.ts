/**
 * How the cost of public operations grows: `npm run scaling`, or `npm run scaling -- cache` for the rows whose names begin
 * with that. Each row makes the same n uses of something of size n, and 10 n uses of something of size 10 n; the minimum
 * of 5 CPU times counts. What is O(1) or O(log n) a use takes 10 to 13 times as long. Above 15 times is a failure, unless
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
  /** What the doc comment says of one use, where that is more than O(log n). */
  readonly documented?: 'O(n)';
  /** Makes something of size n. The function it returns uses it n times. */
  readonly make: (n: number) => Uses | Promise<Uses>;
}

type Uses = () => unknown;

const ROUNDS = 5;
/** Small enough for 10 n to fit into the caches of a CPU: how slow memory is, is not what is asked here. */
const SIZE = 500;
const WARM_UP_USES = 20_000;
/** For ten times the work; a use that is documented as O(n) makes it a hundred times. */
const LIMIT = 15;
const LIMIT_OF_LINEAR_USES = 150;

interface Growth {
  readonly smallNs: number;
  readonly largeNs: number;
  readonly ratio: number;
}

async function cpuNs(row: Row, n: number): Promise<number> {
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const uses = await row.make(n);
    globalThis.gc?.(); // and with the nursery of the script in package.json, none has to be collected below
    const before = process.cpuUsage();
    await uses();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) * 1e3);
  }
  return least / n;
}

async function growthOf(row: Row): Promise<Growth> {
  const { n = SIZE } = row;
  for (let uses = 0; uses < WARM_UP_USES; uses += n) await (await row.make(n))();
  const [smallNs, largeNs] = [await cpuNs(row, n), await cpuNs(row, 10 * n)];
  return { smallNs, largeNs, ratio: (10 * largeNs) / smallNs };
}

const limitOf = (row: Row) => (row.documented === undefined ? LIMIT : LIMIT_OF_LINEAR_USES);

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
    const verdict = ratio > limit ? pc.red(`✗ above ${limit}`) : (row.documented ?? '');
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
