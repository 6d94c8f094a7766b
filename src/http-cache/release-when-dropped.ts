import type { AbortNode } from '../core/abort-scope.js';
import { whenCollected } from '../core/weak.js';

const dropped = /* @__PURE__ */ whenCollected<TeeHoldings>(({ link, source, account, pin }) => {
  link?.leave();
  source?.cancel().catch(() => {});
  account?.set(0);
  pin?.release();
});

/** What a tap holds on to. */
interface TeeHoldings {
  readonly link?: AbortNode | undefined;
  /** The source, where it has not come to its end. */
  readonly source?: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly account?: { set(bytes: number): void } | undefined;
  readonly pin?: { release(): void } | undefined;
}

/** Whether the engine reports objects that have become unreachable. */
export const canHearOfDrops = (): boolean => typeof FinalizationRegistry === 'function';

/**
 * Releases what the owner holds once the owner is unreachable: the place in the signal's list, the source, the memory.
 * Does nothing in an engine without `FinalizationRegistry`.
 */
export function releaseWhenDropped(owner: object, holdings: TeeHoldings): void {
  dropped.register(owner, holdings);
}
