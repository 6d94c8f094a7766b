import Table from 'cli-table3';
import pc from 'picocolors';
import { OPTIMUM, type Point, percentOf, summarise } from './compare.js';
import { YARDSTICK } from './replay.js';
import type { Trace } from './trace.js';

/** No line between two rows. */
const chars = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };
const style = { head: [], border: [] };
const right = 'right' as const;

/** One log: a row a capacity, the best of the caches in green. */
export function tableOf({ name, requests, keys }: Trace, points: readonly Point[]): string {
  const names = [...points[0]!.percents.keys()];
  const table = new Table({
    head: ['capacity', 'of keys', ...names],
    colAligns: [right, right, ...names.map(() => right)],
    chars,
    style,
  });
  for (const point of points) {
    const printed = new Map(names.map((one) => [one, percentOf(one, point).toFixed(1)]));
    const best = Math.max(...names.filter((one) => one !== OPTIMUM).map((one) => Number(printed.get(one))));
    const cells = [...printed].map(([one, text]) => (one !== OPTIMUM && Number(text) === best ? pc.green(text) : text));
    table.push([count(point.capacity), `${shortened((100 * point.capacity) / keys.length)} %`, ...cells]);
  }
  const title = `${name}: hit % of ${count(requests.length)} requests for ${count(keys.length)} keys`;
  return `${title}\n${table.toString()}\n`;
}

/** All logs: each cache against LRU, in points of a hundred. */
export function summaryOf(points: readonly Point[]): string {
  const names = [...points[0]!.percents.keys()].filter((name) => name !== YARDSTICK);
  const table = new Table({
    head: [`against ${YARDSTICK}`, 'mean', 'worst', 'at', 'worst from 500 entries on', 'at', '> 0.5 better', 'worse'],
    colAligns: ['left', right, right, 'left', right, 'left', right, right],
    chars,
    style,
  });
  const at = (point?: Point) => (point === undefined ? '' : `${point.trace} @ ${count(point.capacity)}`);
  for (const name of names) {
    const { mean, worst, worstOfLarge, wins, losses } = summarise(name, points);
    const large = [signed(worstOfLarge?.difference), at(worstOfLarge?.point)];
    table.push([name, signed(mean), signed(worst.difference), at(worst.point), ...large, wins, losses]);
  }
  return `${table.toString()}\n${crossCheck(points)}\n`;
}

function crossCheck(points: readonly Point[]): string {
  const different = points.filter(({ agrees }) => !agrees).map(({ trace, capacity }) => `${trace} @ ${capacity}`);
  return different.length === 0
    ? `${points.length} points of a log and a capacity; at each, the lru-cache package has exactly the hits of ${YARDSTICK}`
    : pc.red(`${YARDSTICK} has not the hits of the lru-cache package: ${different.join(', ')}`);
}

const count = (value: number) => value.toLocaleString('en');
const shortened = (value: number) => String(Number(value.toPrecision(2)));

function signed(value: number | undefined): string {
  if (value === undefined) return '';
  const rounded = Number(value.toFixed(1));
  return `${rounded > 0 ? '+' : ''}${rounded === 0 ? '0.0' : rounded.toFixed(1)}`;
}
