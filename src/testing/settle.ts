/** Ways to let all promise reactions run before a simulated clock continues. */

/** Calls `next` when every promise has settled that waits for no timer and no I/O. */
export interface Settler {
  run(next: () => void): void;
  /** Releases the resources of the settler. */
  close(): void;
}

/**
 * How a `SimClock` lets promises settle.
 *
 * - `tick`: by `process.nextTick`, which runs after all promise reactions. The fastest way that is exact; Node, Bun and
 *   Deno have it.
 * - `message`: by a message to itself. Exact everywhere, and several times slower.
 * - `hops`: by 64 promise reactions in a row. Works everywhere; a chain of more reactions than that continues later than
 *   it should.
 */
export type SettleMode = 'tick' | 'message' | 'hops';

type NextTick = (callback: (argument: () => void) => void, argument: () => void) => void;

/** The real functions, saved when the module is loaded, so that a test may replace the global ones. */
const { process, MessageChannel, setImmediate, setTimeout } = globalThis as {
  process?: { readonly nextTick?: NextTick };
  MessageChannel?: typeof globalThis.MessageChannel;
  setImmediate?: (callback: () => void) => unknown;
  setTimeout: (callback: () => void, ms: number) => unknown;
};

const nextTick = process?.nextTick;
const settled = Promise.resolve();

/**
 * Calls back in a later turn of the real event loop, when timers and I/O of the platform have had their chance. The
 * callback runs as a promise reaction: a tick that is scheduled outside of one does not wait for all reactions.
 */
export function inNextTurn(callback: () => void): void {
  const later = () => void settled.then(callback);
  if (setImmediate === undefined) setTimeout(later, 0);
  else setImmediate(later);
}

/** Returns the fastest exact mode of this platform. */
export const defaultMode = (): SettleMode =>
  nextTick !== undefined ? 'tick' : MessageChannel !== undefined ? 'message' : 'hops';

export function createSettler(mode: SettleMode): Settler {
  if (mode === 'tick' && nextTick !== undefined) return { run: (next) => nextTick(afterTick, next), close() {} };
  if (mode === 'message' && MessageChannel !== undefined) return messageSettler(new MessageChannel());
  return { run: (next) => hop(HOPS, next), close() {} };
}

/**
 * Ticks run one after the other, without promise reactions between them. `next` therefore runs as a reaction: the tick
 * that it schedules waits for all reactions that it has caused.
 */
function afterTick(next: () => void): void {
  void settled.then(next);
}

function messageSettler({ port1, port2 }: MessageChannel): Settler {
  let pending: (() => void) | undefined;
  port1.onmessage = () => {
    const next = pending;
    pending = undefined;
    next?.();
  };
  return {
    run(next) {
      pending = next;
      port2.postMessage(0);
    },
    close: () => port1.close(),
  };
}

const HOPS = 64;

function hop(remaining: number, next: () => void): void {
  if (remaining === 0) next();
  else void settled.then(() => hop(remaining - 1, next));
}
