import {
  asContext,
  type Context,
  callOperation,
  type Frame,
  invoke,
  type Next,
  type PolicyContext,
} from './context.js';
import { leave, leaveWithError } from './frame.js';
import { BasePolicy } from './policy.js';

/**
 * A policy whose part in a call is mostly two moments: when the call enters, and when it leaves. Any number of such policies
 * around each other cost one promise reaction instead of one each, which takes a pipeline of four from 11 to 9 times the
 * bare call (`npm run bench -- pipeline`).
 */
export abstract class BracketPolicy<out Adds = never> extends BasePolicy<Adds> {
  /** Whether a listener would hear of how a call ends. Listeners run in the async context of the call's own caller. */
  abstract get isObserved(): boolean;
  /** Lets a call in; returns undefined, with nothing changed, if that takes more: then `runAtLength` does it. */
  abstract enter(context: Context, outer: Frame | undefined): Frame | undefined;
  abstract runAtLength(next: Next, context: Context): Promise<unknown>;

  run(next: Next, context: PolicyContext): Promise<unknown> {
    return this.runInside(undefined, next, asContext(context));
  }

  /** One step of a chain inside frames that are left together with its own. */
  runInside(outer: Frame | undefined, next: Next, context: Context): Promise<unknown> {
    let frame: Frame | undefined;
    try {
      frame = this.enter(context, outer);
    } catch (error) {
      return Promise.reject(leaveWithError(outer, error));
    }
    return frame === undefined ? runAtLength(this, outer, next, context) : proceed(frame, next, this.isObserved);
  }
}

/** Returns members next to each other as one step: entered one after the other, and left in one reaction. */
export function bracket(members: readonly BracketPolicy<unknown>[], rests: readonly Next[]): Next {
  const next = rests[members.length - 1] as Next;
  return (given) => {
    let context = asContext(given);
    let frame: Frame | undefined;
    let isObserved = false;
    for (let index = 0; index < members.length; index++) {
      const policy = members[index] as BracketPolicy<unknown>;
      let entered: Frame | undefined;
      try {
        entered = policy.enter(context, frame);
      } catch (error) {
        return Promise.reject(leaveWithError(frame, error)); // such as the error of a clock
      }
      if (entered === undefined) return runAtLength(policy, frame, rests[index] as Next, context);
      isObserved ||= policy.isObserved;
      frame = entered;
      context = entered.inside;
    }
    return proceed(frame as Frame, next, isObserved);
  };
}

function runAtLength(
  policy: BracketPolicy<unknown>,
  outer: Frame | undefined,
  next: Next,
  context: Context,
): Promise<unknown> {
  if (outer === undefined) return policy.runAtLength(next, context);
  return leave(
    outer,
    invoke(() => policy.runAtLength(next, context), context),
  );
}

/** Goes on to the rest. In front of the operation, and unless a listener needs the caller's async context, the race leaves. */
function proceed(frame: Frame, next: Next, isObserved: boolean): Promise<unknown> {
  return next === callOperation && !isObserved
    ? frame.inside.runWithin(frame)
    : leave(frame, invoke(next, frame.inside));
}
