/**
 * Mails are sent at even distances, however they arrive: a leaky bucket spaces them. A mail that would wait too long is
 * rejected when it arrives, not after the wait. Run it with `npx tsx examples/leaky-bucket.ts`.
 */
import { LeakyBucket } from 'breakwater/rate-limit';

const pace = new LeakyBucket({ capacity: 10, leak: 20, per: '1s' });

const startedAt = performance.now();
async function send(address: string): Promise<void> {
  const { allowed, retryAfterMs } = await pace.acquire({ maxWait: 175 });
  if (!allowed) {
    console.log(`  ${address}: rejected, the wait would be ${retryAfterMs} ms`);
    return;
  }
  console.log(`  ${address}: sent after ${Math.round(performance.now() - startedAt)} ms`);
}

console.log('Six mails at the same time, sent 50 ms apart, none of them after more than 175 ms:');
await Promise.all(['ada', 'grace', 'edsger', 'barbara', 'donald', 'tony'].map(send));

console.log('A reservation, cancelled and taken by the next caller:');
const reservation = pace.reserve();
console.log(`  due within 50 ms: ${reservation.delayMs <= 50}`);
reservation.cancel();
console.log(`  the next one too: ${pace.reserve().delayMs <= 50}`);

/* Prints, but for the milliseconds:
Six mails at the same time, sent 50 ms apart, none of them after more than 175 ms:
  ada: sent after 1 ms
  donald: rejected, the wait would be 200 ms
  tony: rejected, the wait would be 200 ms
  grace: sent after 51 ms
  edsger: sent after 101 ms
  barbara: sent after 151 ms
A reservation, cancelled and taken by the next caller:
  due within 50 ms: true
  the next one too: true
*/
