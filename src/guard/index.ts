/**
 * Guard: runs the methods of an existing client under a policy, without a change of the code that calls them.
 *
 * Use `guard` for a client that many places call: a database pool, an SDK, a repository. Use the decorator `guarded` for
 * a method of a class of your own. For a single function use `policy.wrap`. Do not guard methods that return a stream or
 * take a callback: a policy ends when the promise of the method settles.
 *
 * Cost: one proxy for each client; a proxy trap and an async frame for each guarded call.
 *
 * @module
 */
export { type GuardedClient, type GuardedMethod, type GuardOptions, guard } from './guard.js';
export { guarded } from './guarded.js';
export type { PlaceSignal, SignalPlace } from './signal-place.js';
