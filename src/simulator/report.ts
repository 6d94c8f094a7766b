import { checkFaultPlan, type TimedFault } from '../core/fault-plan.js';
import { escapeHtml, formatMetric, resample } from './format.js';
import type { Settings } from './options.js';
import { largest } from './statistics.js';
import { type CandidateSummary, type Difference, METRIC_NAMES, type Metric, seriesOf } from './summary.js';

const [WIDTH, HEIGHT, LEFT, BOTTOM] = [860, 200, 46, 22];
/** The largest number of points of a curve. */
const MAX_POINTS = 400;
/** Colours that are distinguishable with the common forms of colour blindness (Okabe and Ito, 2008). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#7f7f7f', '#000000'];

const TITLES: Readonly<Record<Metric, string>> = {
  goodput: 'good calls',
  success: 'share of good calls',
  availability: 'available',
  amplification: 'requests per call',
  wastedShare: 'wasted work',
  timeToRecoverMs: 'recovers after',
  p50Ms: 'p50',
  p90Ms: 'p90',
  p99Ms: 'p99',
  p999Ms: 'p99.9',
};

/**
 * Returns a comparison as one HTML file: curves of the good calls, the requests and the waiting requests over time, and
 * tables. It has no script and loads nothing, and names are escaped.
 */
export function reportOf(
  title: string,
  settings: Settings,
  summaries: readonly CandidateSummary[],
  differences: readonly Difference[],
): string {
  const faults = checkFaultPlan('compare', settings.faults);
  const figure = (heading: string, field: 'good' | 'attempts' | 'queue') =>
    `<h2>${heading}</h2>${figureOf(settings, summaries, faults, field)}`;
  const interval = `${settings.intervalMs / 1000} s`;
  // Without a fault there is nothing to recover from.
  const metrics = METRIC_NAMES.filter((metric) => metric !== 'timeToRecoverMs' || faults.length > 0);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body>
<h1>${escapeHtml(title)}</h1>
<p>${legendOf(summaries)}Lines are means over the seeds, bands reach from the lowest to the highest seed, and faults are shaded.</p>
${figure(`Good calls per ${interval}, by the time at which they begin`, 'good')}
${figure(`Requests to the servers per ${interval}`, 'attempts')}
${figure('Requests that wait in the servers', 'queue')}
<h2>Medians, with the lowest and the highest seed</h2>
${metricsTable(metrics, summaries)}
${differencesTable(differences.filter(({ metric }) => metrics.includes(metric)))}
</body></html>
`;
}

const STYLE = `:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:880px;margin:2em auto;padding:0 1em}
h1{font-size:1.4em}h2{font-size:1em;margin:2em 0 .3em}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
td,th{text-align:right;padding:.2em .7em;border-bottom:1px solid #8884}td:first-child,th:first-child{text-align:left}
small{opacity:.7}svg{width:100%;height:auto}svg text{font:11px system-ui,sans-serif;fill:currentColor}
i{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 0}span{margin-right:1.2em}`;

const colourOf = (index: number): string => COLOURS[index % COLOURS.length] as string;

function legendOf(summaries: readonly CandidateSummary[]): string {
  return summaries
    .map(({ candidate }, index) => `<span><i style="background:${colourOf(index)}"></i>${escapeHtml(candidate)}</span>`)
    .join('');
}

function figureOf(
  { durationMs }: Settings,
  summaries: readonly CandidateSummary[],
  faults: readonly TimedFault[],
  field: 'good' | 'attempts' | 'queue',
): string {
  const curves = summaries.map((summary) => seriesOf(summary, field));
  const top =
    largest(
      curves.flatMap(({ mean }) => mean),
      1,
    ) * 1.1;
  const x = (share: number) => Math.round((LEFT + share * (WIDTH - LEFT)) * 10) / 10;
  const y = (value: number) => Math.round((HEIGHT - BOTTOM) * (1 - Math.min(1, value / top)) * 10) / 10;
  const path = (values: readonly number[]) =>
    resample(values, MAX_POINTS).map((value, index, all) => `${x((index + 0.5) / all.length)} ${y(value)}`);
  const shades = faults.map(({ startMs, endMs }) => {
    const [from, to] = [x(startMs / durationMs), x(Math.min(1, endMs / durationMs))];
    return `<rect x="${from}" y="0" width="${Math.max(1, to - from)}" height="${HEIGHT - BOTTOM}" fill="#8883"/>`;
  });
  const lines = curves.map(({ mean, low, high }, index) => {
    const band = [...path(high), ...path(low).reverse()].join('L');
    return `<path d="M${band}Z" fill="${colourOf(index)}" opacity=".15"/><path d="M${path(mean).join('L')}" fill="none" stroke="${colourOf(index)}" stroke-width="1.7"/>`;
  });
  const marks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const anchor = share === 1 ? 'end' : share === 0 ? 'start' : 'middle';
    return `<text x="${x(share)}" y="${HEIGHT - 6}" text-anchor="${anchor}">${Math.round(durationMs * share) / 1000} s</text>`;
  });
  const scale = [0, top / 1.1].map(
    (value) => `<text x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end">${Math.round(value)}</text>`,
  );
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${field} over time">${[...shades, ...lines, ...marks, ...scale].join('')}</svg>`;
}

function metricsTable(metrics: readonly Metric[], summaries: readonly CandidateSummary[]): string {
  const head = metrics.map((metric) => `<th>${TITLES[metric]}</th>`).join('');
  const rows = summaries.map((summary) => {
    const cells = metrics.map((metric) => {
      const { median, min, max } = summary[metric];
      const [middle, low, high] = [median, min, max].map((value) => formatMetric(metric, value));
      return `<td>${middle}<br><small>${low} … ${high}</small></td>`;
    });
    return `<tr><td>${escapeHtml(summary.candidate)}</td>${cells.join('')}</tr>`;
  });
  return `<table><tr><th></th>${head}</tr>${rows.join('')}</table>`;
}

function differencesTable(differences: readonly Difference[]): string {
  if (differences.length === 0) return '';
  const rows = differences.map(({ candidate, metric, interval }) => {
    const [mean, low, high] = [interval.mean, interval.low, interval.high].map((value) => signed(metric, value));
    return `<tr><td>${escapeHtml(candidate)}</td><td>${TITLES[metric]}</td><td>${mean}</td><td>${low} … ${high}</td></tr>`;
  });
  const baseline = escapeHtml(differences[0]?.baseline ?? '');
  return `<h2>Differences to ${baseline}, with 95 % intervals</h2>
<table><tr><th></th><th></th><th>mean</th><th>interval</th></tr>${rows.join('')}</table>`;
}

function signed(metric: Metric, value: number): string {
  return `${value < 0 ? '−' : '+'}${formatMetric(metric, Math.abs(value)).replace('× ', '')}`;
}
