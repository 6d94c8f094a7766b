import { reportUncaught } from '../core/events.js';

/** Calls a listener. If the listener throws, the error is reported as uncaught and has no other effect. */
export function reportListener<E>(listener: ((event: E) => void) | undefined, event: E): void {
  try {
    listener?.(event);
  } catch (error) {
    reportUncaught(error);
  }
}
