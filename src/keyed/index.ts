/**
 * Keyed: a bounded family of policies, one for each key.
 *
 * Use it to keep apart what fails apart: hosts, tenants, shards. Not for keys without number that mean nothing, such as
 * request ids: each key should see many calls.
 *
 * Cost: one table look-up and one promise a call; the member's own memory for each key.
 *
 * @module
 */
export { type Keyed, type KeyedOptions, keyed } from './keyed.js';
