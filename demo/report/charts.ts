/** The charts of the page. They share the time axis and the cursor, and each fills the width of its container. */
import uPlot from 'uplot';
import type { ReportData } from '../report.js';
import { element, millis } from './element.js';

export interface Charts {
  readonly nodes: readonly Node[];
  resize(width: number): void;
  destroy(): void;
}

interface Line {
  readonly label: string;
  readonly side: 'plain' | 'resilient';
  readonly values: readonly (number | null)[];
  readonly dashed?: boolean;
}

interface Chart {
  readonly lines: readonly Line[];
  readonly format: (value: number | null) => string;
  readonly scale: uPlot.Scale;
  readonly splits?: number[];
}

const CURSOR: uPlot.Cursor = { sync: { key: 'run' }, y: false };

export function charts(data: ReportData, width: number): Charts {
  const { plain, resilient } = data;
  const plots: uPlot[] = [];
  const host = (make: (host: HTMLElement) => uPlot): HTMLElement => {
    const made = element('div', '');
    plots.push(make(made));
    return made;
  };
  const lineChart = (chart: Chart): HTMLElement => host((into) => drawLines(data, chart, width, into));

  const nodes = [
    ...heading('Success', 'The share of successful calls, by the time at which they started.'),
    lineChart({
      lines: [
        { label: 'plain fetch', side: 'plain', values: plain.success },
        { label: 'resilientFetch', side: 'resilient', values: resilient.success },
      ],
      format: (value) => (value === null ? '–' : `${Math.round(100 * value)} %`),
      scale: { range: [0, 1.15] },
      splits: [0, 0.25, 0.5, 0.75, 1],
    }),
    ...heading("The breaker's state", ...['closed', 'half-open', 'open'].map(colorKey)),
    host((into) => drawBreaker(data, width, into)),
    ...heading('Latency', 'How long callers waited for a response or an error. The scale is logarithmic.'),
    lineChart({
      lines: [
        { label: 'plain fetch p50', side: 'plain', values: plain.p50, dashed: true },
        { label: 'plain fetch p99', side: 'plain', values: plain.p99 },
        { label: 'resilientFetch p50', side: 'resilient', values: resilient.p50, dashed: true },
        { label: 'resilientFetch p99', side: 'resilient', values: resilient.p99 },
      ],
      format: millis,
      scale: { distr: 3, range: [0.5, 8_000] },
      splits: [1, 10, 100, 1_000],
    }),
    ...heading(
      'Load on the server',
      `Requests per second that reached the server, including every attempt; callers made ${data.rps} calls per second.`,
    ),
    lineChart({
      lines: [
        { label: 'plain fetch', side: 'plain', values: plain.load },
        { label: 'resilientFetch', side: 'resilient', values: resilient.load },
      ],
      format: (value) => (value === null ? '–' : `${Math.round(value)}/s`),
      scale: { range: (_, __, max) => [0, Math.max(data.rps, max) * 1.25] },
    }),
  ];
  return {
    nodes,
    resize(to) {
      for (const plot of plots) plot.setSize({ width: to, height: plot.height });
    },
    destroy() {
      for (const plot of plots) plot.destroy();
    },
  };
}

function drawLines(data: ReportData, { lines, format, scale, splits }: Chart, width: number, host: HTMLElement): uPlot {
  const yAxis = axis({
    size: 72,
    values: (_, ticks) => ticks.map((tick) => format(tick)),
    ...(splits && { splits: () => splits }),
  });
  return new uPlot(
    {
      width,
      height: 220,
      padding: [8, 12, 0, 0],
      cursor: { ...CURSOR, points: { size: 6 } },
      legend: { markers: { dash: (_, index) => (lines[index - 1]?.dashed ? 'dashed' : 'solid') } },
      scales: { x: { time: false, range: [0, data.seconds] }, y: scale },
      axes: [timeAxis(), yAxis],
      series: [
        { label: 'time', value: (_, value: number | null) => (value === null ? '–' : `${value.toFixed(1)} s`) },
        ...lines.map(({ label, side, dashed }) => ({
          label,
          stroke: color(side),
          width: 2,
          points: { show: false },
          value: (_: uPlot, value: number | null) => format(value),
          ...(dashed && { dash: [4, 4] }),
        })),
      ],
      hooks: { drawClear: [(plot) => shadePhases(plot, data)] },
    },
    [[...data.times], ...lines.map(({ values }) => [...values])],
    host,
  );
}

function drawBreaker(data: ReportData, width: number, host: HTMLElement): uPlot {
  const changes = [{ atMs: 0, to: 'closed' }, ...data.transitions];
  const paint = ({ ctx, bbox, valToPos }: uPlot): void => {
    changes.forEach(({ atMs, to }, index) => {
      const left = valToPos(atMs / 1000, 'x', true);
      const right = valToPos((changes[index + 1]?.atMs ?? data.elapsed * 1000) / 1000, 'x', true);
      ctx.fillStyle = color(to);
      ctx.fillRect(left, bbox.top, Math.max(right - left, devicePixelRatio), bbox.height);
    });
  };
  return new uPlot(
    {
      width,
      height: 56,
      padding: [4, 12, 0, 0],
      cursor: { ...CURSOR, points: { show: false } },
      legend: { show: false },
      scales: { x: { time: false, range: [0, data.seconds] }, y: { range: [0, 1] } },
      axes: [timeAxis(), axis({ size: 72, values: () => [], grid: { show: false } })],
      series: [{}, { show: false }],
      hooks: { draw: [paint] },
    },
    [[...data.times], data.times.map(() => null)],
    host,
  );
}

/** Shades every second phase, and writes the name of each phase where there is space. */
function shadePhases({ ctx, bbox, valToPos }: uPlot, { phases }: ReportData): void {
  const dot = devicePixelRatio;
  ctx.save();
  ctx.font = `${11 * dot}px system-ui, sans-serif`;
  ctx.textBaseline = 'top';
  phases.forEach(({ name, start, end }, index) => {
    const left = valToPos(start, 'x', true);
    const width = valToPos(end, 'x', true) - left;
    if (index % 2 === 1) {
      ctx.fillStyle = color('band');
      ctx.fillRect(left, bbox.top, width, bbox.height);
    }
    ctx.fillStyle = color('faint');
    if (ctx.measureText(name).width + 8 * dot < width) ctx.fillText(name, left + 4 * dot, bbox.top + 3 * dot);
  });
  ctx.restore();
}

function axis(more: uPlot.Axis): uPlot.Axis {
  return {
    stroke: color('faint'),
    grid: { stroke: color('rule'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
    ...more,
  };
}

const timeAxis = (): uPlot.Axis =>
  axis({ size: 28, values: (_, splits) => splits.map((value) => `${value} s`), grid: { show: false } });

const heading = (title: string, ...about: (string | Node)[]): Node[] => [
  element('h2', '', title),
  element('p', '', ...about),
];

function colorKey(name: string): Node {
  const key = element('span', 'key', name);
  key.style.setProperty('--colour', `var(--${name})`);
  return key;
}

const color = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
