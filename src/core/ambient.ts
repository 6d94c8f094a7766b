import { AbortLink, type AbortNode, type AbortScope } from './abort-scope.js';
import type { Clock } from './clock.js';

/**
 * The request context that `runInContext` of `breakwater/request-context` has set for the code that runs now. Core knows
 * only this interface: a bundle without that entry point contains no implementation of it.
 */
export interface AmbientContext {
  /** The priority of calls without a priority of their own; undefined if the context has none. */
  readonly priority: number | undefined;
  /** The scope that every call inside the context is a part of. */
  readonly '~scope': AbortScope;
  /** Returns the deadline on the given clock, in milliseconds; `Infinity` without a deadline. */
  '~deadlineOn'(clock: Clock): number;
  /**
   * Returns the error of a call that starts now, if the context is over; undefined if it is not.
   *
   * @param owner - the name of the policy that rejects the call.
   */
  '~rejection'(owner: string): unknown;
}

/** The function in the ambient slot. It belongs to the first copy of this package that has set a context. */
export interface AmbientSlot {
  /** Returns the context of the code that runs now; undefined if there is none. */
  (): AmbientContext | undefined;
  /** Runs a function inside a context, or outside any context if it is undefined. */
  run<T>(context: AmbientContext | undefined, fn: () => T): T;
}

/** The one slot that all copies of this package share, such as ESM beside CommonJS. */
export const AMBIENT: unique symbol = /* @__PURE__ */ Symbol.for('breakwater.ambient') as never;

interface Globals {
  [AMBIENT]?: AmbientSlot | undefined;
}

const globals = globalThis as Globals;

/** Returns the request context of the code that runs now; undefined if there is none. */
export function ambientContext(): AmbientContext | undefined {
  const slot = globals[AMBIENT];
  return slot === undefined ? undefined : slot();
}

/** Returns the function in the ambient slot; undefined before the first use of a request context. */
export function ambientSlot(): AmbientSlot | undefined {
  return globals[AMBIENT];
}

/** Sets the function in the ambient slot. */
export function setAmbientSlot(slot: AmbientSlot): void {
  globals[AMBIENT] = slot;
}

/**
 * Creates the ambient slot, empty. V8 needs 10 ns to find out that a global property does not exist, and 1 ns to read
 * one that does: each call without a request context reads it.
 */
export function reserveAmbientSlot(): void {
  if (AMBIENT in globalThis || !Object.isExtensible(globalThis)) return;
  Object.defineProperty(globalThis, AMBIENT, { value: undefined, writable: true, configurable: true });
}

/**
 * Runs a function outside the caller's request context. For work that several callers share, or that outlives its
 * caller: the deadline and the disconnect of one request must not end it.
 */
export function outsideContext<T>(fn: () => T): T {
  const slot = globals[AMBIENT];
  return slot === undefined ? fn() : slot.run(undefined, fn);
}

/**
 * Lets the end of the request context, if there is one, abort a node that may be in another scope too. Returns the link
 * to leave when the node's wait is over.
 */
export function followContext(node: AbortNode): AbortLink | undefined {
  const context = ambientContext();
  if (context === undefined) return undefined;
  const link = new AbortLink(node);
  const reason = context['~rejection']('request context');
  if (reason === undefined) context['~scope'].enter(link);
  else node.onAbort(reason, []);
  return link;
}
