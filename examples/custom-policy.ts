/**
 * A policy of one's own: a hedge, which asks a second time when the first answer is slow and takes whichever comes first
 * (Dean and Barroso, "The Tail at Scale", 2013). Below it are its tests, in which time passes only when they say so.
 * Run it with `npx tsx examples/custom-policy.ts`.
 */
import assert from 'node:assert/strict';
import {
  type CallContext,
  type ChildContext,
  constantBackoff,
  definePolicy,
  type Policy,
  pipeline,
  retry,
  sleep,
  timeout,
} from 'breakwater';
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
      const winner = await Promise.any([early, late]).catch(() => early);
      // Only the loser: the winner's signal may still be needed, for the body of a response.
      (winner.child === first ? second : first).abort(overtaken);
      return winner.value;
    },
    describe: () => ({ afterMs }),
  });
}

/** A server whose answers take so long, one after the other, and that remembers who asked and who left. */
function server(clock: TestClock, durationsMs: readonly number[]) {
  const log: string[] = [];
  const ask = async ({ signal }: CallContext): Promise<string> => {
    const number = log.push(`${clock.now()} ms: asked`);
    signal.addEventListener('abort', () => log.push(`${clock.now()} ms: ${signal.reason.message}`));
    await sleep(durationsMs[number - 1] ?? 0, { clock, signal });
    return `answer ${number}`;
  };
  return { ask, log };
}

async function test(title: string, run: (clock: TestClock) => Promise<readonly string[]>): Promise<void> {
  const clock = new TestClock();
  const log = await run(clock);
  assert.equal(clock.pendingTimers, 0, 'it leaves no timer behind');
  console.log(`✓ ${title}\n${log.map((line) => `    ${line}`).join('\n')}`);
}

await test('a quick answer is the only one asked for', async (clock) => {
  const { ask, log } = server(clock, [30]);
  const answer = pipeline(timeout({ duration: '1s', clock }), hedge(100)).execute(ask);
  await clock.advance(30);
  assert.equal(await answer, 'answer 1');
  assert.deepEqual(log, ['0 ms: asked']);
  return log;
});

await test('a slow answer is overtaken', async (clock) => {
  const { ask, log } = server(clock, [500, 30]);
  const answer = pipeline(timeout({ duration: '1s', clock }), hedge(100)).execute(ask);
  await clock.advance(130);
  assert.equal(await answer, 'answer 2');
  assert.deepEqual(log, ['0 ms: asked', '100 ms: asked', '130 ms: Another answer was faster']);
  return log;
});

await test('when neither answers in time, retry asks both again', async (clock) => {
  const { ask, log } = server(clock, [500, 500, 30]);
  const again = retry({ clock, backoff: constantBackoff('1s') });
  const answer = pipeline(again, timeout({ duration: '200ms', clock }), hedge(100)).execute(ask);
  await clock.advance(2000);
  assert.match(await answer, /answer/);
  return log;
});

await test('a caller who leaves takes both along', async (clock) => {
  const { ask, log } = server(clock, [500, 500]);
  const caller = new AbortController();
  const options = { signal: caller.signal };
  const answer = pipeline(retry({ clock }), hedge(100)).execute(ask, options);
  await clock.advance(200);
  caller.abort(new Error('The caller left'));
  await assert.rejects(answer, /The caller left/);
  assert.deepEqual(log.slice(2), ['200 ms: The caller left', '200 ms: The caller left']);
  return log;
});
