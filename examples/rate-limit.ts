/**
 * A partner's API allows 10 calls a second and 15 in ten seconds. Calls wait for at most half a second. A call that
 * would wait longer is rejected with the time after which it may be retried. Run it with `npx tsx
 * examples/rate-limit.ts`.
 */
import { isResilienceError, pipeline, retry, timeout } from 'breakwater';
import { allOf, rateLimit, SlidingWindowLog, TokenBucket } from 'breakwater/rate-limit';

const limiter = allOf(
  new TokenBucket({ capacity: 5, refill: 10, per: '1s' }),
  new SlidingWindowLog({ limit: 15, per: '10s' }),
);
const limited = rateLimit(limiter, { name: 'partner', maxWait: '500ms' });
const partner = pipeline(retry(), limited, timeout('2s'));

const rejected = [0, 0];
limited.on('reject', ({ decision }) => {
  rejected[decision.limitedBy ?? 0]!++;
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

console.log('Twelve concurrent calls: a burst of five, five more within half a second, and two rejections.');
console.log(`  ${tally(await Promise.all(Array.from({ length: 12 }, call)))}`);
console.log('A second later another twelve calls: the window of ten seconds has room for five.');
await new Promise((resolve) => setTimeout(resolve, 1000));
console.log(`  ${tally(await Promise.all(Array.from({ length: 12 }, call)))}`);
console.log(`Rejected by the bucket: ${rejected[0]}, by the window: ${rejected[1]}`);

/* Prints, but for the milliseconds:
Twelve concurrent calls: a burst of five, five more within half a second, and two rejections.
  10 answered
A second later another twelve calls: the window of ten seconds has room for five.
  5 answered
Rejected by the bucket: 2, by the window: 7
*/
