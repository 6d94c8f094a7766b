/**
 * `npm start`: sends the same traffic to the same failing server twice, once with plain `fetch` and once with
 * `resilientFetch`.
 *
 * Parses the arguments, starts the run (two server processes, one stream of calls) and prints the figures. scenario.ts
 * defines what happens to the servers; clients.ts defines the two sides.
 */
import { pathToFileURL } from 'node:url';
import pc from 'picocolors';
import { parseArguments } from './arguments.js';
import { plainSource, resilientSource, scalingNote } from './clients.js';
import type { Colors } from './format.js';
import { lineView } from './lines.js';
import { LEAST_COLUMNS, liveView } from './live.js';
import { writeReport } from './report.js';
import { isBusy, type Lateness, type Run, startRun } from './run.js';
import { jsonResult } from './stats.js';
import { table } from './table.js';

const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

async function main(): Promise<number> {
  const parsed = parseArguments(process.argv.slice(2));
  if ('exitCode' in parsed) return parsed.exitCode;

  const run = startRun(parsed);
  let exitCode = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // npm passes on a signal that the terminal has already sent. The second one must not kill a run that is ending.
    process.on(signal, () => {
      exitCode = exitCodes[signal];
      run.stop();
    });
  }

  let lateness: Lateness;
  if (parsed.json) {
    lateness = await run.finished;
    print(JSON.stringify(jsonResult(run, lateness)));
  } else {
    const colors = pc.createColors(pc.isColorSupported && process.stdout.isTTY === true);
    print(introduction(run, colors));
    const view = isTerminal() ? liveView(run, process.stdout, colors) : lineView(run, print);
    lateness = await run.finished.finally(() => view.close());
    print(`\n${table(run, colors)}`);
  }
  if (isBusy(lateness)) {
    const [latest, delay] = [lateness.latestCallMs, lateness.loopDelayMs].map(Math.round);
    process.stderr.write(
      `This machine was busy: calls started up to ${latest} ms late and event loops were ${delay} ms late (p99). The figures cannot distinguish this from a slow server.\n`,
    );
  }
  if (parsed.report !== undefined) {
    const file = await writeReport(run, parsed.report);
    if (!parsed.json) print(`\nreport: ${pathToFileURL(file)}`);
  }
  return exitCode;
}

function introduction(run: Run, colors: Colors): string {
  const { scenario, seconds, rps, seed } = run.settings;
  return [
    `${colors.bold(scenario.name)}: ${scenario.story}`,
    `${rps} requests per second to each side for ${seconds} s, seed ${seed}; a success is a 2xx with its whole body within 2 s`,
    '',
    colors.dim(plainSource),
    colors.dim(resilientSource(seconds * 1000)),
    scalingNote,
    '',
  ].join('\n');
}

const isTerminal = (): boolean =>
  process.stdout.isTTY === true && process.env.TERM !== 'dumb' && process.stdout.columns >= LEAST_COLUMNS;

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

// A reader that stops early (`npm start | head`) is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  return 1;
});
// Exits explicitly: calls that are open at the end would keep the process alive for two more seconds.
process.stdout.write('', () => process.exit(exitCode));
