import { AbortNode } from './abort-scope.js';
import { weakly } from './weak.js';

/** Something that is being read, and can be ended from outside. */
interface Interruptible {
  cutOff(reason: unknown): void;
}

/**
 * Cuts off its target when the signal aborts in whose list it is. It holds the target weakly: a signal may live for ever, and
 * bodies that are never read must not live as long.
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
