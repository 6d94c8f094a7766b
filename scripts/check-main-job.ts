/**
 * Reads what `npm start -- --json` printed and holds the main job to its claim. Exits with 75 (EX_TEMPFAIL) if the claim does
 * not hold and the run itself says that the machine was too busy: then it is worth another run.
 */
import { readFileSync } from 'node:fs';

interface Side {
  requests: number;
  successes: number;
  successRate: number;
}

interface Result {
  plain: Side;
  resilient: Side;
  busy?: { loopDelayMs: number; latestCallMs: number };
}

const { plain, resilient, busy } = JSON.parse(readFileSync(0, 'utf8')) as Result;

for (const [name, side] of Object.entries({ plain, resilient })) {
  console.log(`${name}: ${side.successes} of ${side.requests} requests succeeded, rate ${side.successRate}`);
}

const measured = plain.requests > 0 && resilient.requests > 0;
if (!measured || !(resilient.successRate > plain.successRate)) {
  console.error('The resilient side must succeed more often than the plain one.');
  if (busy !== undefined) {
    const { loopDelayMs, latestCallMs } = busy;
    console.error(
      `The machine was busy: event loops were late by ${loopDelayMs} ms (p99), and calls began up to ${latestCallMs} ms late.`,
    );
  }
  process.exitCode = busy === undefined ? 1 : 75;
}
