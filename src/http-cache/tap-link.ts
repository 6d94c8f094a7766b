import { AbortNode } from '../core/abort-scope.js';
import { weakly, whenCollected } from '../core/weak.js';

/** What can be cut off. */
interface Tap {
  cutOff(reason: unknown): void;
}

/** Holds the tap weakly: a signal may live for ever, and bodies that nobody reads must not live as long. */
export class TapLink extends AbortNode {
  readonly #tap: Pick<WeakRef<Tap>, 'deref'>;

  constructor(tap: Tap) {
    super();
    this.#tap = weakly(tap);
  }

  onAbort(reason: unknown): void {
    this.#tap.deref()?.cutOff(reason);
  }
}

const dropped = /* @__PURE__ */ whenCollected<TapHoldings>(({ link, source }) => {
  link?.leave();
  source.cancel().catch(() => {});
});

/** What a tap holds on to. */
interface TapHoldings {
  readonly link: TapLink | undefined;
  readonly source: ReadableStreamDefaultReader<Uint8Array>;
}

/** Once nobody can read from the tap any more, it is out of the signal, and the source is cancelled. */
export function letGoWhenDropped(tap: Tap, holdings: TapHoldings): void {
  dropped.register(tap, holdings);
}
