import type { Metric } from './summary.js';

const BARS = '▁▂▃▄▅▆▇█';

/** The number of characters of a sparkline. */
export const SPARK_WIDTH = 60;

/** Returns one character per value, or per group of values if there are more than fit. A full bar is `max`. */
export function sparkline(values: readonly number[], max: number, width = SPARK_WIDTH): string {
  return resample(values, width)
    .map((value) => BARS[Math.max(0, Math.min(BARS.length - 1, Math.round((value / (max || 1)) * (BARS.length - 1))))])
    .join('');
}

/** Returns at most `width` means of neighbouring values. */
export function resample(values: readonly number[], width: number): readonly number[] {
  if (values.length <= width) return values;
  return Array.from({ length: width }, (_, index) => {
    const from = Math.floor((index * values.length) / width);
    const group = values.slice(from, Math.floor(((index + 1) * values.length) / width));
    return group.reduce((sum, value) => sum + value, 0) / group.length;
  });
}

/** Returns a duration for a reader: `12 ms`, `3.5 s`, `never`. */
export function formatMs(ms: number): string {
  if (Number.isNaN(ms)) return '–';
  if (ms === Infinity) return 'never';
  return ms < 1000 ? `${round(ms, ms < 10 ? 1 : 0)} ms` : `${round(ms / 1000, ms < 10_000 ? 1 : 0)} s`;
}

export function formatMetric(metric: Metric, value: number): string {
  if (metric.endsWith('Ms')) return formatMs(value);
  if (metric === 'goodput') return `${round(value, value < 10 ? 1 : 0)}/s`;
  return metric === 'amplification' ? `× ${round(value, 2)}` : formatShare(value);
}

export const formatShare = (share: number): string => `${round(100 * share, share > 0.99 && share < 1 ? 1 : 0)} %`;

function round(value: number, digits: number): string {
  const scale = [1, 10, 100][digits] as number;
  return String(Math.round(value * scale) / scale);
}

/** Returns lines of text with aligned columns. All columns but the first one are aligned to the right. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => [...(row[column] ?? '')].length)));
  const pad = (text: string, column: number) => {
    const blank = ' '.repeat((widths[column] as number) - [...text].length);
    return column === 0 ? text + blank : blank + text;
  };
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}

/** Returns text in which HTML has no meaning. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
