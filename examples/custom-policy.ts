/**
 * A policy of one's own: a hedge, which asks a second time when the first answer is slow and takes whichever comes first
 * (Dean and Barroso, "The Tail at Scale", 2013). Below it are its tests, in which time passes only when they say so.
 * Run it with `npx tsx examples/custom-policy.ts`.
 */
import assert from 'node:assert/strict';
import type { CallContext, ChildContext, Clock, Policy } from 'breakwater';
import { constantBackoff, definePolicy, pipeline, retry, sleep, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';

function hedge(afterMs: number): Policy {
  const overtaken = new Error('Another answer was faster');
  return definePolicy({
    name: 'hedge',
    async run(next, context) {
      using first = context.derive({});
      using second = context.derive({});
      const ask = (child: ChildContext) => next(child).then((value) => ({ value, child }));
      const early = ask(first);
      // Aborting `second` while it sleeps ends the sleep too, and nothing is asked again.
      const late = second.sleep(afterMs).then(() => ask(second));
      const winner = await Promise.any([early, late]).catch(() => early); // both failed: as the first did
      // Only the loser: the winner's signal may still be needed, for the body of a response.
      (winner.child === first ? second : first).abort(overtaken);
      return winner.value;
    },
    describe: () => ({ afterMs }),
  });
}

const guarded = (clock: Clock) =>
  pipeline(retry({ clock, backoff: constantBackoff('1s') }), timeout({ duration: '200ms', clock }), hedge(100));

/** A server whose answers take so long, one after the other, and that remembers who asked and who left. */
function server(clock: Clock, durationsMs: readonly number[]) {
  const log: string[] = [];
  let asked = 0;
  const ask = async ({ signal }: CallContext): Promise<string> => {
    const number = ++asked;
    log.push(`${clock.now()} ms: ${number} asked`);
    signal.addEventListener('abort', () => log.push(`${clock.now()} ms: ${number} left: ${signal.reason.message}`));
    await sleep(durationsMs[number - 1] ?? 0, { clock, signal });
    return `answer ${number}`;
  };
  return { ask, log };
}

async function test(title: string, run: (clock: TestClock) => Promise<readonly string[]>): Promise<void> {
  const clock = new TestClock();
  const log = await run(clock);
  assert.equal(clock.pendingTimers, 0, 'a timer was left behind');
  console.log([`✓ ${title}`, ...log].join('\n    '));
}

await test('a quick answer is the only one asked for', async (clock) => {
  const { ask, log } = server(clock, [30]);
  const answer = guarded(clock).execute(ask);
  await clock.advance(30);
  assert.equal(await answer, 'answer 1');
  assert.deepEqual(log, ['0 ms: 1 asked']);
  return log;
});

await test('a slow answer is overtaken', async (clock) => {
  const { ask, log } = server(clock, [500, 30]);
  const answer = guarded(clock).execute(ask);
  await clock.advance(130);
  assert.equal(await answer, 'answer 2');
  assert.deepEqual(log, ['0 ms: 1 asked', '100 ms: 2 asked', '130 ms: 1 left: Another answer was faster']);
  return log;
});

await test('when neither answers in time, the retry outside asks again', async (clock) => {
  const { ask, log } = server(clock, [500, 500, 30]);
  const answer = guarded(clock).execute(ask);
  await clock.advance(1230);
  assert.equal(await answer, 'answer 3');
  assert.equal(log.at(-1), '1200 ms: 3 asked');
  return log;
});

await test('a caller who leaves takes both along', async (clock) => {
  const { ask, log } = server(clock, [500, 500]);
  const caller = new AbortController();
  const answer = guarded(clock).execute(ask, { signal: caller.signal });
  await clock.advance(150);
  caller.abort(new Error('Never mind'));
  await assert.rejects(answer, /Never mind/);
  assert.deepEqual(log.slice(2), ['150 ms: 1 left: Never mind', '150 ms: 2 left: Never mind']);
  return log;
});

/* Prints, but for the milliseconds:
✓ a quick answer is the only one asked for
    0 ms: 1 asked
✓ a slow answer is overtaken
    0 ms: 1 asked
    100 ms: 2 asked
    130 ms: 1 left: Another answer was faster
✓ when neither answers in time, the retry outside asks again
    0 ms: 1 asked
    100 ms: 2 asked
    200 ms: 1 left: "timeout" timed out after 200 ms
    200 ms: 2 left: "timeout" timed out after 200 ms
    1200 ms: 3 asked
✓ a caller who leaves takes both along
    0 ms: 1 asked
    100 ms: 2 asked
    150 ms: 1 left: Never mind
    150 ms: 2 left: Never mind
*/
