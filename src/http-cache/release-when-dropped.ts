import type { AbortNode } from '../core/abort-scope.js';
import { whenCollected } from '../core/weak.js';

const dropped = /* @__PURE__ */ whenCollected<TeeHoldings>(({ link, source, account, pin }) => {
  link?.leave();
  source?.cancel().catch(() => {});
  account?.set(0);
  pin?.release();
});

/** The resources that an owner holds. */
interface TeeHoldings {
  readonly link?: AbortNode | undefined;
  /** The reader of a source that has not ended. */
  readonly source?: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly account?: { set(bytes: number): void } | undefined;
  readonly pin?: { release(): void } | undefined;
}

/** Whether the engine reports garbage-collected objects. */
export const canHearOfDrops = (): boolean => typeof FinalizationRegistry === 'function';

/**
 * Releases the resources of an owner after the owner was garbage collected: the link to a signal, the source, the
 * memory. Does nothing in an engine without `FinalizationRegistry`.
 */
export function releaseWhenDropped(owner: object, holdings: TeeHoldings): void {
  dropped.register(owner, holdings);
}
