import type { Bench } from './bench.js';
import { ENTRIES, KEYS, OPERATIONS } from './caches.js';
import { candidates, YARDSTICK } from './loading-caches.js';

/** Reads of what is fresh, through the door that loads what is not. */
export const bench: Bench = {
  unit: `fresh read, ${ENTRIES.toLocaleString('en')} entries, ${KEYS} for keys`,
  perUse: OPERATIONS,
  candidates,
  yardstick: YARDSTICK,
};
