import { InvalidOptionError } from '../core/errors.js';
import { checkFunction, readOptions } from '../core/options.js';
import { checkCandidates, checkSeeds, runAll } from './compare.js';
import { alignColumns, escapeHtml, formatMetric } from './format.js';
import { type Candidate, checkScenario, SCENARIO_DEFAULTS, type Scenario, type World } from './options.js';
import { type CandidateSummary, METRIC_NAMES, type Metric } from './summary.js';

/** The values of the parameters at one point of a sweep. */
export type SweepPoint<Parameter extends string = string> = { readonly [name in Parameter]: number };

/** Options of `sweep`. */
export interface SweepOptions<
  W extends World = World,
  Parameter extends string = string,
  Name extends string = string,
> {
  /** One or two parameters with their values. The first one becomes the columns of a table, the second one the rows. */
  readonly over: { readonly [name in Parameter]: readonly number[] };
  /** Returns the scenario at a point. */
  readonly scenario: (point: SweepPoint<Parameter>) => Scenario<W>;
  /** The candidates by name. At most 50. */
  readonly candidates: { readonly [name in Name]: Candidate<W> };
  /** The number of seeds per point, counted from 1, or the seeds themselves. @defaultValue 3 */
  readonly seeds?: number | readonly number[] | undefined;
}

/** One point of a sweep. */
export interface SweepCell<Parameter extends string = string, Name extends string = string> {
  readonly point: SweepPoint<Parameter>;
  readonly candidates: { readonly [name in Name]: CandidateSummary };
}

/** The result of a sweep. */
export interface Sweep<Parameter extends string = string, Name extends string = string> {
  /** All points; the first parameter changes fastest. */
  readonly cells: readonly SweepCell<Parameter, Name>[];
  /** Returns the median of a figure at each point as text, one grid per candidate. */
  table(metric: Metric): string;
  /** Returns the grids as one HTML file, without scripts and without anything from the network. */
  html(metric: Metric): string;
}

const MAX_POINTS = 10_000;

/**
 * Simulates candidates at each point of a grid, such as the utilisation before a fault and the size of the fault. The
 * median of `timeToRecoverMs` at each point is the phase diagram of a metastable failure (Huang et al., "Metastable
 * Failures in the Wild", OSDI 2022): where a small fault becomes an outage without end.
 *
 * Rejects as `simulate` does.
 *
 * @example
 * ```ts
 * import { exponential, poisson, server, slow, sweep } from 'breakwater/simulator';
 *
 * const diagram = await sweep({
 *   over: { utilisation: [0.3, 0.6, 0.9], slower: [2, 4] },
 *   scenario: ({ utilisation, slower }) => ({
 *     world: { api: server({ workers: 4, service: exponential('10ms') }) },
 *     load: poisson({ perSecond: 400 * utilisation }),
 *     faults: [slow('api', slower, { at: '10s', for: '5s' })],
 *     duration: '60s',
 *   }),
 *   candidates: {
 *     retries: ({ clock, random }) => pipeline(retry({ clock, random }), timeout({ duration: '500ms', clock })),
 *   },
 * });
 * console.log(diagram.table('timeToRecoverMs'));
 * ```
 */
export async function sweep<const W extends World, const Parameter extends string, const Name extends string>(
  options: SweepOptions<W, Parameter, Name>,
): Promise<Sweep<Parameter, Name>> {
  const defaults = { over: undefined, scenario: undefined, candidates: undefined, seeds: 3 };
  const own = readOptions<SweepOptions>('sweep', options as unknown as SweepOptions, defaults);
  const [columns, rows] = checkParameters(own.over);
  const scenario = checkFunction('sweep', 'scenario', own.scenario);
  const candidates = checkCandidates('sweep', own.candidates);
  const seeds = checkSeeds('sweep', own.seeds);
  const cells: SweepCell[] = [];
  for (const y of rows?.values ?? [0]) {
    for (const x of columns.values) {
      const point = rows === undefined ? { [columns.name]: x } : { [columns.name]: x, [rows.name]: y };
      const settings = checkScenario(
        'sweep',
        readOptions<Scenario>('sweep', scenario(point), SCENARIO_DEFAULTS, 'scenario'),
      );
      const summaries = await runAll(settings, candidates, seeds);
      cells.push({ point, candidates: Object.fromEntries(summaries.map((one) => [one.candidate, one])) });
    }
  }
  const grids = (metric: Metric) => [...candidates.keys()].map((name) => gridOf(name, metric, cells, columns, rows));
  return {
    cells: cells as unknown as Sweep<Parameter, Name>['cells'],
    table: (metric) => grids(checkMetric(metric)).map(textOf).join('\n\n'),
    html: (metric) => pageOf(checkMetric(metric), grids(metric)),
  };
}

interface SweepParameter {
  readonly name: string;
  readonly values: readonly number[];
}

function checkParameters(over: SweepOptions['over']): [SweepParameter, SweepParameter | undefined] {
  const entries = typeof over === 'object' && over !== null ? Object.entries(over) : [];
  const isValid = entries.every(
    ([, values]) => Array.isArray(values) && values.length > 0 && values.every((value) => typeof value === 'number'),
  );
  const points = entries.reduce((product, [, values]) => product * (values as readonly number[]).length, 1);
  if (!isValid || entries.length < 1 || entries.length > 2 || points > MAX_POINTS) {
    const rule = `must be an object of one or two arrays of numbers, with at most ${MAX_POINTS} points`;
    throw new InvalidOptionError('sweep', 'over', rule, over);
  }
  const [first, second] = entries.map(([name, values]) => ({ name, values: [...(values as readonly number[])] }));
  return [first as SweepParameter, second];
}

function checkMetric(metric: Metric): Metric {
  if (METRIC_NAMES.includes(metric)) return metric;
  throw new InvalidOptionError('sweep', 'metric', `must be one of ${METRIC_NAMES.join(', ')}`, metric);
}

/** The values of one candidate as rows of text, with a head. */
interface Grid {
  readonly candidate: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** The value of each cell, for its colour. */
  readonly values: readonly (readonly number[])[];
}

function gridOf(
  candidate: string,
  metric: Metric,
  cells: readonly SweepCell[],
  columns: SweepParameter,
  rows: SweepParameter | undefined,
): Grid {
  const width = columns.values.length;
  const values = (rows?.values ?? [0]).map((_, row) =>
    cells
      .slice(row * width, (row + 1) * width)
      .map((cell) => (cell.candidates[candidate] as CandidateSummary)[metric].median),
  );
  return {
    candidate,
    head: [rows === undefined ? '' : `${rows.name} \\ ${columns.name}`, ...columns.values.map(String)],
    rows: values.map((line, row) => [
      rows === undefined ? columns.name : String(rows.values[row]),
      ...line.map((value) => formatMetric(metric, value)),
    ]),
    values,
  };
}

const textOf = ({ candidate, head, rows }: Grid): string => `${candidate}\n${alignColumns([head, ...rows])}`;

function pageOf(metric: Metric, grids: readonly Grid[]): string {
  const finite = grids.flatMap(({ values }) => values.flat()).filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const colourOf = (value: number) =>
    Number.isFinite(value) ? `rgba(213,94,0,${(0.6 * (value - low)) / (high - low || 1)})` : '#555;color:#fff';
  const tables = grids.map(({ candidate, head, rows, values }) => {
    const lines = rows.map(([name, ...cells], row) => {
      const coloured = cells.map((text, column) => {
        const value = (values[row] as readonly number[])[column] as number;
        return `<td style="background:${colourOf(value)}">${text}</td>`;
      });
      return `<tr><th>${escapeHtml(name ?? '')}</th>${coloured.join('')}</tr>`;
    });
    const headings = head.map((text) => `<th>${escapeHtml(text)}</th>`).join('');
    return `<h2>${escapeHtml(candidate)}</h2><table><tr>${headings}</tr>${lines.join('')}</table>`;
  });
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${metric}</title><style>:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;margin:2em}td,th{padding:.3em .8em;text-align:right}</style></head><body>
<h1>Median of ${metric}</h1>
${tables.join('\n')}
</body></html>
`;
}
