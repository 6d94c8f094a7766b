/**
 * `npm start`: the same traffic to the same failing server twice, once with plain `fetch`, once with `resilientFetch`.
 *
 * arguments → run (two server processes, one stream of calls) → figures. What happens to the servers is in scenario.ts,
 * what the two sides are in clients.ts.
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
    // npm passes on a signal that the terminal has sent already: the second one must not kill the ending run.
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
      `This machine was busy: calls began up to ${latest} ms late and event loops were late by ${delay} ms (p99), which the figures cannot tell from a slow server.\n`,
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
    `${rps} requests a second to each side for ${seconds} s, seed ${seed}; a success is a 2xx within 2 s, body and all`,
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

// A reader that has seen enough (`npm start | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  return 1;
});
// Calls that were open at the end would keep the process for two more seconds.
process.stdout.write('', () => process.exit(exitCode));
