/**
 * How many requests of a key log each cache would have answered: `npm run hit-ratio -- FILE…`. Each key is looked up and,
 * where it is missing, stored; beside the caches stands the most that any cache could have (optimum.ts).
 *
 * The log of your own service is a text file, one key a line, in the order in which they were asked for. Against logs of
 * others: `npm run hit-ratio -- traces/*`
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { capacityFor, compare, type Point } from './compare.js';
import { type FormatName, formats } from './formats.js';
import { readTrace } from './read-trace.js';
import { type CacheName, caches } from './replay.js';
import { summaryOf, tableOf } from './report.js';
import type { Trace } from './trace.js';
import { makeWorkload, workloads } from './workloads.js';

interface Options {
  readonly capacity: readonly number[];
  readonly caches: readonly CacheName[];
  readonly format?: FormatName;
  readonly limit?: number;
  readonly synthetic?: true;
}

/** Refuses what is not known. */
const listOf =
  <T>(read: (text: string) => T) =>
  (text: string): T[] =>
    text.split(',').map((item) => read(item.trim()));

function capacity(text: string): number {
  const value = text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : Number(text);
  if (value > 0 && (value < 1 || Number.isInteger(value))) return value;
  throw new InvalidArgumentError('It must be a part of the keys, as 0.01 or 1%, or an integer: so many entries.');
}

function cacheName(text: string): CacheName {
  if (text in caches) return text as CacheName;
  throw new InvalidArgumentError(`There are ${Object.keys(caches).join(', ')}.`);
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('It must be an integer above 0.');
}

const formatList = Object.entries(formats).map(([name, { about }]) => `  ${name.padEnd(9)} ${about}`);

const command = new Command('npm run hit-ratio --')
  .description('Replays key logs against every cache, and prints the hit ratios.')
  .argument('[files...]', 'key logs; those that end in .gz or .xz are unpacked by gzip and xz')
  .option(
    '--capacity <list>',
    'so many entries (200), or a part of the keys (0.01, 1%)',
    listOf(capacity),
    [0.001, 0.01, 0.05, 0.1, 0.25],
  )
  .option('--caches <list>', 'only these, beside LruCache', listOf(cacheName), Object.keys(caches) as CacheName[])
  .addOption(new Option('--format <name>', 'of the files (default: guessed)').choices(Object.keys(formats)))
  .option('--limit <requests>', 'only the first so many of each log', positive)
  .option('--synthetic', 'the made-up logs of the tests, too')
  .addHelpText('after', `\nFormats:\n${formatList.join('\n')}`);

/** One after the other: only one is in memory. */
async function* traces(files: readonly string[], { synthetic, ...options }: Options): AsyncGenerator<Trace> {
  for (const file of files) yield await readTrace(file, options);
  for (const name of synthetic === true ? Object.keys(workloads) : []) yield makeWorkload(name);
}

async function main(): Promise<void> {
  const { args: files } = command.parse();
  const options = command.opts<Options>();
  if (files.length === 0 && options.synthetic !== true) command.help({ error: true });
  const all: Point[] = [];
  for await (const trace of traces(files, options)) {
    const capacities = new Set(options.capacity.map((asked) => capacityFor(asked, trace)));
    const points = Array.from(capacities, (entries) => compare(trace, entries, options.caches));
    console.log(tableOf(trace, points));
    all.push(...points);
  }
  console.log(summaryOf(all));
}

try {
  await main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
