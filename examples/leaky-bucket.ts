/**
 * Mails go out at an even pace, however they come in: a leaky bucket spaces them. Those that would wait too long are
 * refused when they come, not when their time is up. Run it with `npx tsx examples/leaky-bucket.ts`.
 */
import { LeakyBucket } from 'breakwater/rate-limit';

const pace = new LeakyBucket({ capacity: 10, leak: 20, per: '1s' });

const begun = performance.now();
async function send(address: string): Promise<void> {
  const { allowed, retryAfterMs } = await pace.acquire({ maxWait: 175 });
  if (!allowed) {
    console.log(`  ${address}: refused, the line is ${retryAfterMs} ms long`);
    return;
  }
  console.log(`  ${address}: sent after ${Math.round(performance.now() - begun)} ms`);
}

console.log('Six mails at once, 50 ms apart, for none longer than 175 ms:');
await Promise.all(['ada', 'grace', 'edsger', 'barbara', 'donald', 'tony'].map(send));

console.log('One that is urgent and one that was not needed:');
const reservation = pace.reserve();
console.log(`  its turn comes soon: ${reservation.delayMs <= 50}`);
reservation.cancel();
console.log(`  and goes to the next one: ${pace.reserve().delayMs <= 50}`);

/* Prints, but for the milliseconds:
Six mails at once, 50 ms apart, for none longer than 175 ms:
  ada: sent after 1 ms
  donald: refused, the line is 200 ms long
  tony: refused, the line is 200 ms long
  grace: sent after 51 ms
  edsger: sent after 101 ms
  barbara: sent after 151 ms
One that is urgent and one that was not needed:
  its turn comes soon: true
  and goes to the next one: true
*/
