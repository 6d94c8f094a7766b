/**
 * Five tries at a password in any ten minutes, and never one more. Run it with `npx tsx examples/sliding-window-log.ts`.
 */
import { SlidingWindowLog } from 'breakwater/rate-limit';
import { TestClock } from 'breakwater/testing';

const MINUTE = 60_000;
const clock = new TestClock(); // ten minutes pass in no time
const tries = new SlidingWindowLog({ limit: 5, per: '10m', clock });

function logIn(password: string): string {
  const { allowed, retryAfterMs } = tries.tryAcquire();
  if (!allowed) return `too many tries, the next one in ${retryAfterMs / MINUTE} minutes`;
  if (password !== 'open sesame') return 'wrong password';
  tries.refund(1); // whoever knows it has not tried
  return 'welcome';
}

const guesses = ['123456', 'password', 'qwerty', 'open barley', 'open wheat', 'open sesame'];
for (const [minute, guess] of guesses.entries()) {
  console.log(`${minute}: ${logIn(guess)}`);
  await clock.advance(1 * MINUTE);
}
await clock.advance(4 * MINUTE);
console.log(`10: ${logIn('open sesame')}`); // the first one is ten minutes old
console.log(`10: ${logIn('open sesame')}`);

/* Prints, but for the milliseconds:
0: wrong password
1: wrong password
2: wrong password
3: wrong password
4: wrong password
5: too many tries, the next one in 5 minutes
10: welcome
10: welcome
*/
