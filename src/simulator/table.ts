import { checkFaultPlan } from '../core/fault-plan.js';
import { alignColumns, formatMetric, formatMs, SPARK_WIDTH, sparkline } from './format.js';
import type { Settings } from './options.js';
import { largest } from './statistics.js';
import { type CandidateSummary, seriesOf } from './summary.js';

const HEAD = [
  '',
  'good calls over time',
  'good',
  'recovers (median, worst)',
  'requests per call',
  'wasted',
  'p99 of good',
];

/**
 * Returns a comparison as text: per candidate the good calls over time as a mean of the seeds, and the medians of its
 * figures. A line above the first candidate marks when a fault is active.
 */
export function tableOf(title: string, settings: Settings, summaries: readonly CandidateSummary[]): string {
  const max = largest(
    summaries.flatMap((summary) => seriesOf(summary, 'offered').mean),
    1,
  );
  const rows = summaries.map((summary) => [
    summary.candidate,
    sparkline(seriesOf(summary, 'good').mean, max),
    formatMetric('success', summary.success.median),
    // Without a fault there is nothing to recover from.
    settings.faults.length === 0
      ? '–'
      : `${formatMs(summary.timeToRecoverMs.median)}, ${formatMs(summary.timeToRecoverMs.max)}`,
    formatMetric('amplification', summary.amplification.median),
    formatMetric('wastedShare', summary.wastedShare.median),
    formatMs(summary.p99Ms.median),
  ]);
  const faults = ['', faultMarks(settings, summaries), '', '', '', '', ''];
  return `${title}\n${alignColumns([HEAD, ...(settings.faults.length > 0 ? [faults] : []), ...rows])}`;
}

/** Returns one character per interval: a mark where a fault is active. */
function faultMarks({ durationMs, faults }: Settings, summaries: readonly CandidateSummary[]): string {
  const count = Math.min(SPARK_WIDTH, summaries[0]?.runs[0]?.series.length ?? 0);
  const timed = checkFaultPlan('compare', faults);
  const isActive = (index: number) => {
    const [from, to] = [(index * durationMs) / count, ((index + 1) * durationMs) / count];
    return timed.some(({ startMs, endMs }) => startMs < to && (endMs > from || startMs >= from));
  };
  return Array.from({ length: count }, (_, index) => (isActive(index) ? '×' : '·')).join('');
}
