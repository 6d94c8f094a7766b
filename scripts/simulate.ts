/**
 * Writes docs/simulations.md: `npm run simulate`. With `--check` it only compares, and fails if a figure has changed. A
 * change of a policy that changes what happens in an outage thus shows in the diff of that page.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { caches } from './simulate/caches.js';
import { deadlines } from './simulate/deadlines.js';
import { fleets } from './simulate/fleets.js';
import { hedging } from './simulate/hedging.js';
import { limits } from './simulate/limits.js';
import { overload } from './simulate/overload.js';
import type { Simulation } from './simulate/simulation.js';

const page = new URL('../docs/simulations.md', import.meta.url);
const simulations = [...overload, ...limits, ...hedging, ...deadlines, ...caches, ...fleets];

/** Joins the lines of a paragraph. */
function text(paragraph: string): string {
  return paragraph.replace(/\s*\n\s*/g, ' ');
}

const HEAD = `# Simulations

${text(`What configurations do in an outage. Each section has an anti-pattern, the fix, and a figure from \`breakwater/simulator\`: the real
policies on a simulated clock, in front of simulated servers. \`npm run simulate\` writes this page, and the figures are the same on every
machine. [Simulator](patterns/simulator.md) describes how to write such a scenario for a configuration of your own.`)}

${text(`How to read a table: the bars are the number of good calls over time, as a mean of the seeds. A full bar is the most calls that
were made in one of these intervals, the lowest bar is no good call, and calls arrive at random, so that a healthy server does not have full
bars all the time. \`×\` marks the time of a fault. \`good\` is the share of good calls, \`recovers\` the time from the end of the fault (from its
start, if it never ends) until the calls are well again: the median and the worst seed. \`requests per call\` is what retries add and caches
save, \`wasted\` the share of the servers' work for callers that had left, and \`p99 of good\` the 99th percentile of the time of the good calls
alone. The bars show the whole run; the other columns leave out the start, while caches fill and limits adapt. The scenarios are in
\`scripts/simulate\`.`)}
`;

async function section({ title, problem, fix, shows, figure }: Simulation): Promise<string> {
  const started = process.cpuUsage();
  const drawn = await figure();
  const { user, system } = process.cpuUsage(started);
  console.error(`${title}: ${((user + system) / 1e6).toFixed(1)} s`);
  return `## ${title}

${text(problem)}

**Instead:** ${text(fix)}

\`\`\`text
${drawn}
\`\`\`

${text(shows)}
`;
}

const wanted = process.argv.slice(2).find((argument) => !argument.startsWith('--'));
const chosen = simulations.filter(
  ({ title }) => wanted === undefined || title.toLowerCase().includes(wanted.toLowerCase()),
);
const sections: string[] = [];
for (const simulation of chosen) sections.push(await section(simulation));
const contents = chosen.map(
  ({ title }) =>
    `- [${title}](#${title
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-')})`,
);
const made = [HEAD, `${contents.join('\n')}\n`, ...sections].join('\n');

if (wanted !== undefined) console.log(sections.join('\n'));
else if (!process.argv.includes('--check')) writeFileSync(page, made);
else if (readFileSync(page, 'utf8') !== made) {
  console.error(
    'docs/simulations.md has changed. Run "npm run simulate", look at the difference, and commit the page.',
  );
  process.exitCode = 1;
}
