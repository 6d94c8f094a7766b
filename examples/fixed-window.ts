/**
 * A quota that is easy to explain: 100 exports an hour, counted from the first one. The program also shows the burst at
 * the edge of two windows. Run it with `npx tsx examples/fixed-window.ts`.
 */
import { FixedWindow } from 'breakwater/rate-limit';
import { TestClock } from 'breakwater/testing';

const MINUTE = 60_000;
const clock = new TestClock(); // an hour passes immediately
const quota = new FixedWindow({ limit: 100, per: '1h', clock });

function exportReports(count: number): void {
  let done = 0;
  while (done < count && quota.tryAcquire().allowed) done++;
  const { remaining, resetAfterMs } = quota.peek();
  console.log(`  ${done} of ${count} done, ${remaining} left for ${resetAfterMs / MINUTE} minutes`);
}

console.log('In the first minute:');
exportReports(1);
console.log('In the last minute of the window:');
await clock.advance(59 * MINUTE);
exportReports(120);
console.log('A minute later the next window begins: 199 exports within two minutes.');
await clock.advance(1 * MINUTE);
exportReports(120);

console.log('A failed export does not count:');
await clock.advance(60 * MINUTE);
const reservation = quota.reserve();
console.log(`  before ${quota.peek().remaining}`);
reservation.cancel(); // refunds the window of the reservation, and no later one
console.log(`  after ${quota.peek().remaining}`);

/* Prints, but for the milliseconds:
In the first minute:
  1 of 1 done, 99 left for 60 minutes
In the last minute of the window:
  99 of 120 done, 0 left for 1 minutes
A minute later the next window begins: 199 exports within two minutes.
  100 of 120 done, 0 left for 60 minutes
A failed export does not count:
  before 99
  after 100
*/
