/**
 * Each address has its own limit, in bounded memory: idle addresses are forgotten if there are too many, limited
 * addresses are not. Run it with `npx tsx examples/keyed-rate-limiter.ts`.
 */
import { KeyedRateLimiter, TokenBucket } from 'breakwater/rate-limit';
import { TestClock } from 'breakwater/testing';

const clock = new TestClock();
const makeBucket = () => new TokenBucket({ capacity: 10, refill: 1, per: '1s', clock });
const limiter = new KeyedRateLimiter(makeBucket, { maxKeys: 10_000 });

console.log('Ten thousand clients send one request each:');
for (let n = 0; n < 10_000; n++) limiter.tryAcquire(`client:${n}`);
console.log(`  kept: ${limiter.size}`);

console.log('An hour later one client sends too many:');
await clock.advance(3_600_000);
let passed = 0;
while (limiter.tryAcquire('203.0.113.9').allowed) passed++;
console.log(`  passed: ${passed}, kept: ${limiter.size}`);

console.log('It uses a hundred thousand other addresses, so that its own is forgotten:');
let others = 0;
for (let n = 0; n < 100_000; n++) if (limiter.tryAcquire(`2001:db8::${n.toString(16)}`).allowed) others++;
console.log(`  passed for these: ${others}, kept: ${limiter.size}`);
console.log(`  forgotten: ${limiter.tryAcquire('203.0.113.9').allowed}`);

console.log('A second later the others are idle, and the client has one token:');
await clock.advance(1000);
console.log(`  a new client: ${limiter.tryAcquire('client:new').allowed}`);
console.log(
  `  the limited client: ${limiter.tryAcquire('203.0.113.9').allowed}, then ${limiter.tryAcquire('203.0.113.9').allowed}`,
);

/* Prints, but for the milliseconds:
Ten thousand clients send one request each:
  kept: 10000
An hour later one client sends too many:
  passed: 10, kept: 10000
It uses a hundred thousand other addresses, so that its own is forgotten:
  passed for these: 10009, kept: 10000
  forgotten: false
A second later the others are idle, and the client has one token:
  a new client: true
  the limited client: true, then false
*/
