/**
 * A partner's API allows 10 calls a second and 15 in ten seconds. Calls wait their turn for half a second at most; those
 * that would wait longer are told when to come back. Run it with `npx tsx examples/rate-limit.ts`.
 */
import { isResilienceError, pipeline, retry, timeout } from 'breakwater';
import { allOf, rateLimit, SlidingWindowLog, TokenBucket } from 'breakwater/rate-limit';

const limiter = allOf(
  new TokenBucket({ capacity: 5, refill: 10, per: '1s' }),
  new SlidingWindowLog({ limit: 15, per: '10s' }),
);
const polite = rateLimit(limiter, { name: 'partner', maxWait: '500ms' });
const partner = pipeline(retry(), polite, timeout('2s'));

const refused = [0, 0];
polite.on('reject', ({ decision }) => {
  refused[decision.limitedBy ?? 0]!++;
});

async function call(): Promise<string> {
  try {
    return await partner.execute(async () => 'answered');
  } catch (error) {
    if (isResilienceError(error, 'ERR_RATE_LIMITED')) return error.code;
    throw error;
  }
}

const tally = (answers: string[]) => `${answers.filter((one) => one === 'answered').length} answered`;

console.log('Twelve at once: a burst of five, five more within half a second, and two too many.');
console.log(`  ${tally(await Promise.all(Array.from({ length: 12 }, call)))}`);
console.log('A second later another twelve: the window of ten seconds has room for five.');
await new Promise((resolve) => setTimeout(resolve, 1000));
console.log(`  ${tally(await Promise.all(Array.from({ length: 12 }, call)))}`);
console.log(`Refused by the bucket: ${refused[0]}, by the window: ${refused[1]}`);

/* Prints, but for the milliseconds:
Twelve at once: a burst of five, five more within half a second, and two too many.
  10 answered
A second later another twelve: the window of ten seconds has room for five.
  5 answered
Refused by the bucket: 2, by the window: 7
*/
