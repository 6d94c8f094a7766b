/**
 * The part of one policy in a call that has entered the policy: the actions for the end of the call. The frames of
 * nested policies form a linked list, as on a call stack, and are left together in one reaction.
 */
export interface Exit {
  /** The frame of the next outer policy that is left in the same reaction. */
  readonly outer: Exit | undefined;
  /** Handles the value of the call. */
  onValue(value: unknown): void;
  /**
   * Handles the failure of the call. Returns the error that the outer frames and the caller receive. Must not start
   * asynchronous work: after an abort it may run in the async context of another call.
   */
  onError(error: unknown): unknown;
}

/** Leaves all frames, from the innermost outwards, in one reaction when the promise settles. */
export function leave<T>(inner: Exit, running: Promise<T>): Promise<T> {
  return running.then(
    (value) => {
      leaveWithValue(inner, value);
      return value;
    },
    (error) => {
      throw leaveWithError(inner, error);
    },
  );
}

/**
 * Leaves all frames with a value.
 *
 * @throws the error of a frame that throws, after the outer frames have been left with that error.
 */
export function leaveWithValue(inner: Exit, value: unknown): void {
  let frame: Exit | undefined = inner;
  try {
    for (; frame !== undefined; frame = frame.outer) frame.onValue(value);
  } catch (error) {
    throw leaveWithError(frame?.outer, error);
  }
}

/** Leaves all frames after a failure. Returns the error of the outermost frame. */
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
