/**
 * A quota that can be explained on a price list: 100 exports an hour, counted from the first one. And what it lets
 * through where two windows meet. Run it with `npx tsx examples/fixed-window.ts`.
 */
import { FixedWindow } from 'breakwater/rate-limit';
import { TestClock } from 'breakwater/testing';

const MINUTE = 60_000;
const clock = new TestClock(); // an hour passes in no time
const quota = new FixedWindow({ limit: 100, per: '1h', clock });

function exportReports(count: number): void {
  let done = 0;
  while (done < count && quota.tryAcquire().allowed) done++;
  const { remaining, resetAfterMs } = quota.peek();
  console.log(`  ${done} of ${count} done, ${remaining} left for ${resetAfterMs / MINUTE} minutes`);
}

console.log('In the first minute:');
exportReports(1);
console.log('In the last one:');
await clock.advance(59 * MINUTE);
exportReports(120);
console.log('And a minute later, when the next window begins: 199 within two minutes.');
await clock.advance(1 * MINUTE);
exportReports(120);

console.log('An export that failed is not to count:');
await clock.advance(60 * MINUTE);
const reservation = quota.reserve();
console.log(`  before ${quota.peek().remaining}`);
reservation.cancel(); // gives back to the window it came from, and to no later one
console.log(`  after ${quota.peek().remaining}`);

/* Prints, but for the milliseconds:
In the first minute:
  1 of 1 done, 99 left for 60 minutes
In the last one:
  99 of 120 done, 0 left for 1 minutes
And a minute later, when the next window begins: 199 within two minutes.
  100 of 120 done, 0 left for 60 minutes
An export that failed is not to count:
  before 99
  after 100
*/
