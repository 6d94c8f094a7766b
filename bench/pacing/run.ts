/**
 * How many callers are served by servers of 23 types that limit requests, with the pacing gate of `resilientFetch` and
 * without: `npm run pacing`, or `npm run pacing -- 3` for 3 seeds. Runs in virtual time, so the figures are the same on
 * every machine.
 */
import { defaultClassify } from 'breakwater';
import { classifyResponse } from 'breakwater/fetch';
import Table from 'cli-table3';
import { type FetchOptions, run, STORMS, type Storm } from './storm.js';

const SEEDS = Number(process.argv[2] ?? 10);

/** The gate acts on what is judged `throttled`. Without it, a 429 is a failure like a 503, as before the gate. */
const WITHOUT_GATE: FetchOptions = {
  classify: (outcome, context) => {
    const verdict = outcome.ok ? classifyResponse(outcome, context) : defaultClassify(outcome, context);
    return verdict === 'throttled' ? 'failure' : verdict;
  },
};

/** Returns the row of a storm: callers served, later requests refused, and the time of the last end. */
async function measure(storm: Storm, options: FetchOptions): Promise<readonly string[]> {
  const results = [];
  for (let seed = 1; seed <= SEEDS; seed++) results.push(await run(storm, seed, options));
  const served = results.map((result) => result.served);
  const [least, most] = [Math.min(...served), Math.max(...served)];
  const refused = Math.max(...results.map(({ refusedLater }) => refusedLater));
  const end = Math.max(...results.map(({ lastEndAt }) => lastEndAt)) / 1000;
  return [least === most ? `${most}` : `${least}–${most}`, `${refused}`, `${end.toFixed(1)} s`];
}

const columns = ['served', 'refused later', 'last end'];
const table = new Table({
  head: ['server', 'callers', ...columns.map((name) => `${name}, off`), ...columns.map((name) => `${name}, on`)],
  style: { head: [], border: [] },
});
for (const storm of STORMS) {
  const [before, after] = [await measure(storm, WITHOUT_GATE), await measure(storm, {})];
  table.push([storm.name, `${storm.callers ?? 100}`, ...before, ...after]);
}
console.log(
  `Least and most callers served over ${SEEDS} seeds. Refused later: the largest number of requests that were`,
);
console.log(
  'sent after the first 429 had arrived and were answered 429. Off and on: without and with the pacing gate.',
);
console.log(table.toString());
