import { alignColumns, formatMetric, formatMs, sparkline } from './format.js';
import { largest } from './statistics.js';
import { type CandidateSummary, seriesOf } from './summary.js';

const HEAD = ['', 'good calls over time', 'good', 'recovers (median, worst)', 'requests per call', 'wasted', 'p99'];

/**
 * Returns a comparison as text: per candidate the good calls over time as a mean of the seeds, and the medians of its
 * figures.
 */
export function tableOf(title: string, summaries: readonly CandidateSummary[]): string {
  const max = largest(
    summaries.flatMap((summary) => seriesOf(summary, 'offered').mean),
    1,
  );
  const rows = summaries.map((summary) => [
    summary.candidate,
    sparkline(seriesOf(summary, 'good').mean, max),
    formatMetric('success', summary.success.median),
    `${formatMs(summary.timeToRecoverMs.median)}, ${formatMs(summary.timeToRecoverMs.max)}`,
    formatMetric('amplification', summary.amplification.median),
    formatMetric('wastedShare', summary.wastedShare.median),
    formatMs(summary.p99Ms.median),
  ]);
  return `${title}\n${alignColumns([HEAD, ...rows])}`;
}
