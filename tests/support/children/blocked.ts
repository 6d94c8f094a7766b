/**
 * Sends the same calls by plain and by resilient fetch to the server at the given origin, while the event loop of this process
 * is blocked again and again, for longer than a try may take. Prints how the calls ended and whether a breaker opened.
 */
import { resilientFetch } from 'breakwater';
import { seededRandom } from 'breakwater/testing';

const [origin] = process.argv.slice(2);
const random = seededRandom(14);
const CALLS = 300;
const transitions: string[] = [];

const guarded = resilientFetch({
  attemptTimeout: 400,
  timeout: 20_000,
  circuitBreaker: { minimumCalls: 5, failureRateThreshold: 0.2 },
  on: {
    stateChange: ({ from, to }) => transitions.push(`${from} to ${to}`),
  },
});

function block(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

let sent = 0;
let settled = 0;
const successes = { plain: 0, resilient: 0 };
async function call(side: 'plain' | 'resilient', send: typeof fetch): Promise<void> {
  try {
    // Each on a connection of its own, which takes several turns of the event loop to be made.
    const response = await send(`${origin}/50`, { headers: { connection: 'close' } });
    await response.text();
    if (response.ok) successes[side]++;
  } catch {
    // counted as no success
  }
  settled++;
}

const sender = setInterval(() => {
  for (let n = 0; n < 5 && sent < CALLS; n++, sent++) {
    void call('plain', fetch);
    void call('resilient', guarded);
  }
  if (sent === CALLS) clearInterval(sender);
}, 20);

const blocker = (): void => {
  block(200 + 800 * random());
  if (settled < 2 * CALLS) setTimeout(blocker, 20 + 150 * random());
  else console.log(JSON.stringify({ successes, transitions }));
};
setTimeout(blocker, 50);
