import { aborts } from './aborts.js';
import { attempts } from './attempts.js';
import { beforeRetries } from './before-retry.js';
import { bodies } from './bodies.js';
import { chains } from './chains.js';
import { deadlines } from './deadlines.js';
import { responses } from './responses.js';
import type { Scenarios } from './scenario.js';

/** All scenarios that every version of undici must pass. */
export const scenarios: Scenarios = {
  ...attempts,
  ...beforeRetries,
  ...bodies,
  ...aborts,
  ...responses,
  ...chains,
  ...deadlines,
};
