/**
 * One policy's part in a call that has entered it: what is to be done when the call leaves.
 * Frames of policies around each other form a list, as on a call stack, and are left together in one reaction.
 */
export interface Exit {
  /** The frame of the next policy outside that is left in the same reaction. */
  readonly outer: Exit | undefined;
  /** The call has brought a value. */
  onValue(): void;
  /**
   * The call has failed. Returns the error to go on with. Nothing may be started here, since after an abort this may run in
   * the async context of another call.
   */
  onError(error: unknown): unknown;
}

/** Leaves all frames in a reaction of its own, when the promise settles. */
export function leave<T>(inner: Exit, running: Promise<T>): Promise<T> {
  return running.then(
    (value) => {
      leaveWithValue(inner);
      return value;
    },
    (error) => {
      throw leaveWithError(inner, error);
    },
  );
}

/** @throws what a frame throws, after the frames outside have been left with that error. */
export function leaveWithValue(inner: Exit): void {
  let frame: Exit | undefined = inner;
  try {
    for (; frame !== undefined; frame = frame.outer) frame.onValue();
  } catch (error) {
    throw leaveWithError(frame?.outer, error);
  }
}

/** Returns the error that the outermost frame goes on with. */
export function leaveWithError(inner: Exit | undefined, error: unknown): unknown {
  let latest = error;
  for (let frame = inner; frame !== undefined; frame = frame.outer) {
    try {
      latest = frame.onError(latest);
    } catch (thrown) {
      latest = thrown;
    }
  }
  return latest;
}
