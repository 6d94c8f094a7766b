/**
 * Keyed: a bounded family of policies, one for each key.
 *
 * Use it to separate what fails independently: hosts, tenants, shards. Do not use it for an unbounded set of keys that
 * are used once, such as request ids: each key should receive many calls.
 *
 * Cost: one table lookup and one promise per call; the memory of one policy for each key.
 *
 * @module
 */
export { type Keyed, type KeyedOptions, keyed } from './keyed.js';
