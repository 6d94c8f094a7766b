import Table from 'cli-table3';
import { type Colors, NAMES, seconds } from './format.js';
import type { Run } from './run.js';
import { spans } from './scenario.js';
import { type Figures, failures, figures } from './stats.js';

/** One row of the table. */
export interface Row {
  readonly phase: string;
  readonly plain: Figures;
  readonly resilient: Figures;
}

/**
 * Returns one row for each phase that the run has reached, and a last row for the whole run. A call belongs to the
 * phase in which it started, a request to the phase in which it arrived.
 */
export function rows(run: Run): Row[] {
  const { scenario, seconds: length } = run.settings;
  const durationMs = length * 1000;
  const row = (phase: string, fromMs?: number, toMs?: number): Row => ({
    phase,
    plain: figures(run.plain, fromMs, toMs),
    resilient: figures(run.resilient, fromMs, toMs),
  });
  const all = spans(scenario);
  const phases = all
    .filter(({ start }) => start * durationMs < run.elapsedMs())
    .map(({ phase, start, end }, index) => {
      const last = index === all.length - 1;
      return row(phase.name, start * durationMs, last ? Number.POSITIVE_INFINITY : end * durationMs);
    });
  return [...phases, row('whole run')];
}

/** Returns the table and the lines below it. */
export function table(run: Run, colors: Colors): string {
  const heads = ['success, %', 'p50 / p99, ms', 'reached server'];
  const output = new Table({
    style: { head: [], border: colors.isColorSupported ? ['dim'] : [], compact: true },
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right'],
  });
  output.push(
    ['', ...heads.map((content) => ({ content: colors.bold(content), colSpan: 2, hAlign: 'center' as const }))],
    ['phase', 'plain', 'resilient', 'plain', 'resilient', 'plain', 'resilient'].map((head) => colors.dim(head)),
  );
  for (const { phase, plain, resilient } of rows(run)) {
    const cells = [
      phase,
      share(plain),
      share(resilient),
      latency(plain),
      latency(resilient),
      String(plain.upstreamRequests),
      String(resilient.upstreamRequests),
    ];
    output.push(phase === 'whole run' ? cells.map((cell) => colors.bold(cell)) : cells);
  }
  return [output.toString(), failureLine(run, 'plain'), failureLine(run, 'resilient'), breakerLine(run)].join('\n');
}

const share = ({ successRate }: Figures): string => (successRate === null ? '–' : (100 * successRate).toFixed(1));

const latency = ({ p50Ms, p99Ms }: Figures): string =>
  p50Ms === null || p99Ms === null ? '–' : `${Math.round(p50Ms)} / ${Math.round(p99Ms)}`;

/** Returns the number of failed calls of a side, and the reasons. */
export function failureLine(run: Run, side: keyof typeof NAMES): string {
  const { calls } = run[side];
  const reasons = failures(run[side]);
  const failed = reasons.reduce((sum, [, count]) => sum + count, 0);
  const list = reasons.map(([reason, count]) => `${count} ${reason}`).join(', ');
  return `${NAMES[side]}: ${failed} of ${calls.length} calls failed${failed > 0 ? `:\n  ${list}` : ''}`;
}

/** Returns the periods in which the breaker was not closed, with the number of failed probes in each. */
function breakerLine(run: Run): string {
  const openings: string[] = [];
  let from: string | undefined;
  let probes = 0;
  const note = (until: string): void => {
    const failed = probes === 1 ? '1 failed probe' : `${probes} failed probes`;
    openings.push(`open from ${from} ${until}${probes > 0 ? `, ${failed}` : ''}`);
  };
  for (const { to, from: before, atMs } of run.resilient.transitions) {
    if (before === 'closed') {
      from = seconds(atMs);
      probes = 0;
    } else if (to === 'open') {
      probes++;
    } else if (to === 'closed') {
      note(`to ${seconds(atMs)}`);
      from = undefined;
    }
  }
  if (from !== undefined) note('to the end');
  return `breaker: ${openings.join('; ') || 'closed all the time'}`;
}
