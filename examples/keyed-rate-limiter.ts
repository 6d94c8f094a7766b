/**
 * Each address has its own limit, in bounded memory: addresses that have been quiet are forgotten when others come, one
 * that is limited never is. Run it with `npx tsx examples/keyed-rate-limiter.ts`.
 */
import { KeyedRateLimiter, TokenBucket } from 'breakwater/rate-limit';
import { TestClock } from 'breakwater/testing';

const clock = new TestClock();
const makeBucket = () => new TokenBucket({ capacity: 10, refill: 1, per: '1s', clock });
const limiter = new KeyedRateLimiter(makeBucket, { maxKeys: 10_000 });

console.log('Ten thousand visitors ask once:');
for (let n = 0; n < 10_000; n++) limiter.tryAcquire(`visitor:${n}`);
console.log(`  kept: ${limiter.size}`);

console.log('An hour later one asks too often:');
await clock.advance(3_600_000);
let passed = 0;
while (limiter.tryAcquire('203.0.113.9').allowed) passed++;
console.log(`  passed: ${passed}, kept: ${limiter.size}`);

console.log('It hides behind a hundred thousand other addresses, to be forgotten:');
let others = 0;
for (let n = 0; n < 100_000; n++) if (limiter.tryAcquire(`2001:db8::${n.toString(16)}`).allowed) others++;
console.log(`  of these passed: ${others}, kept: ${limiter.size}`);
console.log(`  forgotten: ${limiter.tryAcquire('203.0.113.9').allowed}`);

console.log('A second later the others are idle, and it has one token:');
await clock.advance(1000);
console.log(`  a new visitor: ${limiter.tryAcquire('visitor:new').allowed}`);
console.log(`  it: ${limiter.tryAcquire('203.0.113.9').allowed}, then ${limiter.tryAcquire('203.0.113.9').allowed}`);

/* Prints, but for the milliseconds:
Ten thousand visitors ask once:
  kept: 10000
An hour later one asks too often:
  passed: 10, kept: 10000
It hides behind a hundred thousand other addresses, to be forgotten:
  of these passed: 10009, kept: 10000
  forgotten: false
A second later the others are idle, and it has one token:
  a new visitor: true
  it: true, then false
*/
