/**
 * A policy of your own: a small hedge (`breakwater/hedge` has a complete one). If the first call is slow, it starts a
 * second one and returns the first result (Dean and Barroso, "The Tail at Scale", 2013). Its tests follow below. They control the time with a test clock. Run it with
 * `npx tsx examples/custom-policy.ts`.
 */
import assert from 'node:assert/strict';
import type { CallContext, ChildContext, Clock, Policy } from 'breakwater';
import { constantBackoff, definePolicy, pipeline, retry, sleep, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';

function hedge(afterMs: number): Policy {
  const slower = new Error('Another answer was faster');
  return definePolicy({
    name: 'hedge',
    async run(next, context) {
      using first = context.derive({});
      using second = context.derive({});
      const call = (child: ChildContext) => next(child).then((value) => ({ value, child }));
      const early = call(first);
      // If `second` is aborted during its sleep, the second call never starts.
      const late = second.sleep(afterMs).then(() => call(second));
      const winner = await Promise.any([early, late]).catch(() => early); // both failed: the error of the first
      // Only the loser is aborted: the body of the winner's response may still need its signal.
      (winner.child === first ? second : first).abort(slower);
      return winner.value;
    },
    describe: () => ({ afterMs }),
  });
}

const guarded = (clock: Clock) =>
  pipeline(retry({ clock, backoff: constantBackoff('1s') }), timeout({ duration: '200ms', clock }), hedge(100));

/** A server with a list of response times. It logs each call and each abort. */
function server(clock: Clock, durationsMs: readonly number[]) {
  const log: string[] = [];
  let calls = 0;
  const ask = async ({ signal }: CallContext): Promise<string> => {
    const number = ++calls;
    log.push(`${clock.now()} ms: call ${number} starts`);
    signal.addEventListener('abort', () =>
      log.push(`${clock.now()} ms: call ${number} aborted: ${signal.reason.message}`),
    );
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

await test('a fast answer needs only one call', async (clock) => {
  const { ask, log } = server(clock, [30]);
  const answer = guarded(clock).execute(ask);
  await clock.advance(30);
  assert.equal(await answer, 'answer 1');
  assert.deepEqual(log, ['0 ms: call 1 starts']);
  return log;
});

await test('a slow call gets a second one, which wins', async (clock) => {
  const { ask, log } = server(clock, [500, 30]);
  const answer = guarded(clock).execute(ask);
  await clock.advance(130);
  assert.equal(await answer, 'answer 2');
  assert.deepEqual(log, [
    '0 ms: call 1 starts',
    '100 ms: call 2 starts',
    '130 ms: call 1 aborted: Another answer was faster',
  ]);
  return log;
});

await test('if both calls time out, the retry outside makes another attempt', async (clock) => {
  const { ask, log } = server(clock, [500, 500, 30]);
  const answer = guarded(clock).execute(ask);
  await clock.advance(1230);
  assert.equal(await answer, 'answer 3');
  assert.equal(log.at(-1), '1200 ms: call 3 starts');
  return log;
});

await test('an abort by the caller ends both calls', async (clock) => {
  const { ask, log } = server(clock, [500, 500]);
  const caller = new AbortController();
  const answer = guarded(clock).execute(ask, { signal: caller.signal });
  await clock.advance(150);
  caller.abort(new Error('Never mind'));
  await assert.rejects(answer, /Never mind/);
  assert.deepEqual(log.slice(2), ['150 ms: call 1 aborted: Never mind', '150 ms: call 2 aborted: Never mind']);
  return log;
});

/* Prints, but for the milliseconds:
✓ a fast answer needs only one call
    0 ms: call 1 starts
✓ a slow call gets a second one, which wins
    0 ms: call 1 starts
    100 ms: call 2 starts
    130 ms: call 1 aborted: Another answer was faster
✓ if both calls time out, the retry outside makes another attempt
    0 ms: call 1 starts
    100 ms: call 2 starts
    200 ms: call 1 aborted: "timeout" timed out after 200 ms
    200 ms: call 2 aborted: "timeout" timed out after 200 ms
    1200 ms: call 3 starts
✓ an abort by the caller ends both calls
    0 ms: call 1 starts
    100 ms: call 2 starts
    150 ms: call 1 aborted: Never mind
    150 ms: call 2 aborted: Never mind
*/
