import * as undici7 from 'undici';
import * as undici6 from 'undici-6';
import { describe, it } from 'vitest';
import { scenarios } from './scenarios/index.js';
import { runScenario, type Undici } from './scenarios/scenario.js';

describe.each([
  [6, undici6 as unknown as Undici],
  [7, undici7],
])('With undici %d, the interceptor', (major, undici) => {
  it.each(Object.entries(scenarios))('%s', (_title, scenario) => runScenario(undici, major, scenario));
});
