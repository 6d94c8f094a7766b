/**
 * Compares the algorithms of adaptive limits: `npm run overload-table`, or `npm run overload-table -- 3` for 3 seeds, or
 * `npm run overload-table -- 20 probing,Vegas` for some of the limits. Runs in virtual time, so the figures are the same
 * on every machine. With 20 seeds it takes about an hour. Fails if the default algorithm misses its bar: at least 0.95
 * of what is possible with the worst seed in every column, and no drift in an hour of overload: neither of the limit nor
 * of the latency, whose p99 is at most three times that of a bulkhead of 8 in every minute.
 */
import { bulkhead, type Clock } from 'breakwater';
import { adaptiveLimit, aimdLimit, type LimitAlgorithm } from 'breakwater/overload';
import Table from 'cli-table3';
import { envoyGradient, failsafeGo, gradient2, vegas } from './algorithms.js';
import {
  goodputShare,
  HOUR,
  latencyQuantile,
  type MakeLimit,
  type OverloadScenario,
  run,
  SCENARIOS,
} from './scenarios.js';

const [seedsText = '20', chosen] = process.argv.slice(2);
const SEEDS = Number(seedsText);

/** The lowest share of the possible goodput that the default must reach with every seed. */
const BAR = 0.95;

const adaptive =
  (algorithm?: LimitAlgorithm, maxLimit = 1000): MakeLimit =>
  (clock: Clock) =>
    adaptiveLimit({ clock, maxLimit, algorithm });

const LIMITS: Readonly<Record<string, MakeLimit>> = {
  probing: adaptive(),
  'bulkhead 8': (clock) => bulkhead({ clock, maxConcurrent: 8 }),
  'bulkhead 20': (clock) => bulkhead({ clock, maxConcurrent: 20 }),
  AIMD: adaptive(aimdLimit(), 200),
  Gradient2: adaptive(gradient2),
  Vegas: adaptive(vegas),
  'Envoy gradient': adaptive(envoyGradient),
  'failsafe-go': adaptive(failsafeGo),
};

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;
const share = (value: number): string => value.toFixed(3);

interface Measured {
  readonly cells: readonly string[];
  /** The worst share of any phase. */
  readonly worst: number;
}

/** Runs a scenario with all seeds. The cells are the worst and the median share of each phase, and the p99. */
async function measure(scenario: OverloadScenario, makeLimit: MakeLimit): Promise<Measured> {
  const shares = scenario.phases.map((): number[] => []);
  const p99s: number[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const seconds = await run(scenario, makeLimit, seed);
    const [first] = scenario.phases;
    for (const [index, phase] of scenario.phases.entries()) shares[index]!.push(goodputShare(seconds, phase));
    if (first !== undefined) p99s.push(latencyQuantile(seconds, first.from, first.to, 0.99));
  }
  const ofPhases = shares.map((values) => `${share(Math.min(...values))} … ${share(median(values))}`);
  return { cells: [...ofPhases, median(p99s).toFixed(0)], worst: Math.min(...shares.flat()) };
}

/** The 60 minutes of the hour of overload. */
interface Hour {
  /** The goodput of each minute, as a share of the capacity. */
  readonly goodput: readonly number[];
  /** The p99 of each minute in milliseconds. */
  readonly p99s: readonly number[];
  /** The limit in minutes 1, 10 and 60. */
  readonly limits: readonly [number, number, number];
}

/** Runs the hour of overload. */
async function hour(makeLimit: MakeLimit): Promise<Hour> {
  const seconds = await run(HOUR, makeLimit, 1);
  const minutes = Array.from({ length: 60 }, (_, minute) => ({ from: minute * 60, to: minute * 60 + 60 }));
  const limitOf = (minute: number) =>
    median(seconds.slice((minute - 1) * 60, minute * 60).map(({ limit }) => limit ?? 0));
  return {
    goodput: minutes.map((minute) => goodputShare(seconds, { ...minute, capacity: 400 })),
    p99s: minutes.map(({ from, to }) => latencyQuantile(seconds, from, to, 0.99)),
    limits: [limitOf(1), limitOf(10), limitOf(60)],
  };
}

const names = Object.keys(LIMITS).filter((name) => chosen === undefined || chosen.split(',').includes(name));
const worst = new Map(names.map((name) => [name, Infinity]));
for (const [key, scenario] of Object.entries(SCENARIOS)) {
  const head = [
    scenario.name,
    ...scenario.phases.map(({ name, capacity }) => `${name} (${capacity.toFixed(0)})`),
    'p99',
  ];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const name of names) {
    const measured = await measure(scenario, LIMITS[name]!);
    table.push([name, ...measured.cells]);
    // Several clients that share a server are outside the bar: each one sees the queue of the others.
    if (key !== 'shared') worst.set(name, Math.min(worst.get(name)!, measured.worst));
  }
  console.log(`${table.toString()}\n`);
}

const hours = new Table({
  head: [HOUR.name, 'worst minute (400)', 'worst p99', 'limit, minute 1 → 10 → 60', 'worst share of all scenarios'],
  style: { head: [], border: [] },
});
const hourOf = new Map<string, Hour>();
for (const name of names) {
  const measured = await hour(LIMITS[name]!);
  hourOf.set(name, measured);
  const { goodput, p99s, limits } = measured;
  const cells = [share(Math.min(...goodput)), Math.max(...p99s).toFixed(0), limits.join(' → ')];
  hours.push([name, ...cells, share(worst.get(name)!)]);
}
console.log(hours.toString());
console.log(`Shares of the possible goodput: the worst … the median of ${SEEDS} seeds. p99 in milliseconds.`);
const failures: string[] = [];
if ((worst.get('probing') ?? 1) < BAR) failures.push(`its worst share is below ${BAR}`);
const ofDefault = hourOf.get('probing');
if (ofDefault !== undefined) {
  const { goodput, p99s, limits } = ofDefault;
  const fixed = hourOf.get('bulkhead 8') ?? (await hour(LIMITS['bulkhead 8']!));
  if (Math.min(...goodput) < BAR) failures.push('it loses goodput in an hour of overload');
  if (limits[2] > 2 * limits[1]) failures.push('its limit drifts in an hour of overload');
  if (p99s.some((p99, minute) => !(p99 <= 3 * fixed.p99s[minute]!))) {
    failures.push('its p99 is above three times that of a bulkhead of 8 in an hour of overload');
  }
}
if (failures.length > 0) {
  console.error(`The default algorithm misses its bar: ${failures.join(', ')}`);
  process.exitCode = 1;
}
