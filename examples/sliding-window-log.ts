/**
 * At most five password attempts in any ten minutes. Run it with `npx tsx examples/sliding-window-log.ts`.
 */
import { SlidingWindowLog } from 'breakwater/rate-limit';
import { TestClock } from 'breakwater/testing';

const MINUTE = 60_000;
const clock = new TestClock(); // ten minutes pass immediately
const attempts = new SlidingWindowLog({ limit: 5, per: '10m', clock });

function logIn(password: string): string {
  const { allowed, retryAfterMs } = attempts.tryAcquire();
  if (!allowed) return `too many attempts, the next one in ${retryAfterMs / MINUTE} minutes`;
  if (password !== 'open sesame') return 'wrong password';
  attempts.refund(1); // a correct password does not count
  return 'welcome';
}

const guesses = ['123456', 'password', 'qwerty', 'open barley', 'open wheat', 'open sesame'];
for (const [minute, guess] of guesses.entries()) {
  console.log(`${minute}: ${logIn(guess)}`);
  await clock.advance(1 * MINUTE);
}
await clock.advance(4 * MINUTE);
console.log(`10: ${logIn('open sesame')}`); // the first attempt was ten minutes ago
console.log(`10: ${logIn('open sesame')}`);

/* Prints, but for the milliseconds:
0: wrong password
1: wrong password
2: wrong password
3: wrong password
4: wrong password
5: too many attempts, the next one in 5 minutes
10: welcome
10: welcome
*/
