// Reads what `npm start -- --json` printed and holds the main job to its claim.
import { readFileSync } from 'node:fs';

interface Side {
  requests: number;
  successes: number;
  successRate: number;
}

const { plain, resilient } = JSON.parse(readFileSync(0, 'utf8')) as { plain: Side; resilient: Side };

for (const [name, side] of Object.entries({ plain, resilient })) {
  console.log(`${name}: ${side.successes} of ${side.requests} requests succeeded, rate ${side.successRate}`);
}

const measured = plain.requests > 0 && resilient.requests > 0;
if (!measured || !(resilient.successRate > plain.successRate)) {
  console.error('The resilient side must succeed more often than the plain one.');
  process.exitCode = 1;
}
