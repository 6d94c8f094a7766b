/**
 * Runs all scenarios of the interceptor for undici with one version, and the global `fetch` under its dispatcher, since
 * undici 8 needs a later Node than the tests. Prints the failures as JSON.
 *
 * Arguments: the folder of undici in `node_modules`, its major version, and what to run: `scenarios` or `global`.
 */
import { globalFetch } from '../../undici/scenarios/global-fetch.js';
import { scenarios } from '../../undici/scenarios/index.js';
import { runScenario, type Undici } from '../../undici/scenarios/scenario.js';

const [name = 'undici', major = '7', what = 'scenarios'] = process.argv.slice(2);
const undici: Undici = await import(name);
const chosen = Object.entries(what === 'global' ? globalFetch : scenarios);
const failures: { readonly title: string; readonly error: unknown }[] = [];
for (const [title, scenario] of chosen) {
  try {
    await runScenario(undici, Number(major), scenario);
  } catch (error) {
    failures.push({ title, error: error instanceof Error ? error.stack : error });
  }
}
console.log(JSON.stringify({ passed: chosen.length - failures.length, failures }));
process.exit();
