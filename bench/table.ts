import Table from 'cli-table3';
import pc from 'picocolors';
import type { Bench, Targets } from './bench.js';

/** What measure.ts found out, as far as it was asked; for one unit of the benchmark. */
export interface Result {
  readonly ns?: number;
  readonly wallNs?: number;
  /** The floor's, in the same process. */
  readonly floorNs?: number;
  readonly floorWallNs?: number;
  readonly bytes?: number;
}

/** The results of all rounds, by candidate. */
export type Results = ReadonlyMap<string, readonly Result[]>;

/** A column of the table. */
interface Figure {
  readonly head: string;
  of(result: Required<Result>): number;
  format(value: number): string;
  readonly target?: Exclude<keyof Targets, 'peers'>;
}

const digits = (count: number) => (value: number) => value.toFixed(count);
const percent = (value: number) => `${(value * 100).toFixed(1)} %`;

const ns: Figure = { head: 'ns', of: (it) => it.ns, format: digits(0), target: 'ns' };
const timesFloor: Figure = { head: '× floor', of: (it) => it.ns / it.floorNs, format: digits(2), target: 'floor' };
const bytes: Figure = { head: 'bytes', of: (it) => it.bytes, format: digits(0), target: 'bytes' };
const rate: Figure = { head: 'a second', of: (it) => 1e9 / it.wallNs, format: digits(0) };
const ofFloor: Figure = { head: 'of floor', of: (it) => it.floorWallNs / it.wallNs, format: percent, target: 'floor' };
const cpu: Figure = { head: 'CPU µs', of: (it) => it.ns / 1e3, format: digits(1) };
const moreCpu: Figure = { head: 'beyond floor', of: (it) => (it.ns - it.floorNs) / 1e3, format: digits(1) };

interface Layout {
  readonly figures: readonly Figure[];
  /**
   * By what ours and a peer are compared. Not by their times: the machine's speed changes from process to process, and
   * with it that of the floor.
   */
  readonly comparedBy: Figure;
  /** What a target is: the least, or the most. */
  readonly target: '≥' | '≤';
}

const layouts: Record<NonNullable<Bench['measured']>, Layout> = {
  calls: { figures: [ns, timesFloor, bytes], comparedBy: timesFloor, target: '≤' },
  'large bursts': { figures: [ns, timesFloor], comparedBy: timesFloor, target: '≤' },
  requests: { figures: [rate, ofFloor, cpu, moreCpu], comparedBy: ofFloor, target: '≥' },
  memory: { figures: [bytes], comparedBy: bytes, target: '≤' },
};

/** The table of one benchmark: what was measured, and beside it what is expected of ours. */
export function tableOf(name: string, bench: Bench, results: Results): string {
  const layout = layouts[bench.measured ?? 'calls'];
  const { yardstick } = bench;
  const all = [...results.keys()];
  const mine = all.filter((candidate) => bench.candidates[candidate]?.kind === 'ours');
  const targetsOf = (one: string): Targets =>
    mine.includes(one) ? (bench.candidates[one]?.targets ?? bench.targets ?? {}) : {};
  const middle = (candidate: string, figure: Figure) => medianOf(figure, results.get(candidate)!);
  const ratio = (one: string, other: string) => middle(one, layout.comparedBy) / middle(other, layout.comparedBy);

  const comparisonOf = (candidate: string): string => {
    if (yardstick === candidate) return '';
    if (yardstick !== undefined) {
      return cellOf([ratio(candidate, yardstick)], digits(2), layout, targetsOf(candidate).peers?.[yardstick]);
    }
    if (bench.candidates[candidate]?.kind !== 'peer') return '';
    const ratios = mine.map((one) => ratio(one, candidate));
    return cellOf(ratios, digits(2), layout, bench.targets?.peers?.[candidate]);
  };
  const rows = all.map((candidate) => {
    const cells = layout.figures.map((figure) => {
      const target = figure.target === undefined ? undefined : targetsOf(candidate)[figure.target];
      return cellOf([middle(candidate, figure)], figure.format, layout, target);
    });
    return [candidate, ...cells, comparisonOf(candidate)];
  });
  const comparison = yardstick === undefined ? 'ours / this' : `this / ${yardstick}`;
  const head = [name, ...layout.figures.map((figure) => figure.head), comparison];
  const table = new Table({ head, style: { head: [], border: [] } });
  table.push(...rows);
  return `${table.toString()}\n${noteOf(bench, results)}; Node ${process.version}\n`;
}

/** Values, each with its mark if there is a target, which comes last. */
function cellOf(values: readonly number[], format: Figure['format'], layout: Layout, target?: number): string {
  if (target === undefined) return values.map(format).join(', ');
  const printed = (value: number) => Number.parseFloat(format(value)); // a mark shall not contradict what stands beside it
  const isMet = (value: number) =>
    layout.target === '≥' ? printed(value) >= printed(target) : printed(value) <= printed(target);
  const marked = values.map((value) => `${format(value)} ${isMet(value) ? pc.green('✓') : pc.red('✗')}`);
  return `${marked.join(', ')} (${layout.target} ${format(target)})`;
}

/** What the figures are for, and what the floor's are. */
function noteOf(bench: Bench, results: Results): string {
  if (bench.measured === 'memory') return `bytes kept for each ${bench.unit} of ${bench.count.toLocaleString('en')}`;
  const { candidates, unit = 'call', measured = 'calls' } = bench;
  const floor = Object.keys(candidates).find((name) => candidates[name]?.kind === 'floor');
  const all = [...results.values()].flat();
  const floorNs = medianOf({ of: (it) => it.floorNs }, all);
  const floorRate = medianOf({ of: (it) => 1e9 / it.floorWallNs }, all);
  const floorTakes =
    measured === 'requests'
      ? `${floorRate.toFixed(0)} a second, ${(floorNs / 1e3).toFixed(1)} CPU µs`
      : `${floorNs.toFixed(0)} ns`;
  const beyond = measured === 'calls' ? `; bytes beyond the floor's` : '';
  return `for each ${unit}; the floor is ${floor}: ${floorTakes}${beyond}`;
}

/** Of those results that have the figure. */
function medianOf({ of }: Pick<Figure, 'of'>, results: readonly Result[]): number {
  const values = results.map((result) => of(result as Required<Result>)).filter(Number.isFinite);
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}
