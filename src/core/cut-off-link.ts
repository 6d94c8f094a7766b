import { AbortNode } from './abort-scope.js';
import { weakly } from './weak.js';

/** A reader that can be ended from outside, such as a response body. */
interface Interruptible {
  cutOff(reason: unknown): void;
}

/**
 * Cuts off its target when a signal aborts: the link is a node in the abort scope of that signal. It holds the target
 * weakly: a signal may live as long as the process, and a body that is never read must not live as long.
 */
export class CutOffLink extends AbortNode {
  readonly #target: Pick<WeakRef<Interruptible>, 'deref'>;

  constructor(target: Interruptible) {
    super();
    this.#target = weakly(target);
  }

  onAbort(reason: unknown): void {
    this.#target.deref()?.cutOff(reason);
  }
}
