/**
 * The checks of `checks.ts` with the installed package on each runtime: this Node always, and those of the variable
 * `BREAKWATER_RUNTIMES`, as in `BREAKWATER_RUNTIMES='node@22 node@24 bun deno workerd chromium'`. npm downloads them,
 * but for Chromium, which must be installed.
 */
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CheckResult } from './checks.js';
import { chromiumCommand, startChromium } from './chromium.js';
import { emptyProject, fixtureProject } from './install.js';
import { type Origin, startOrigin } from './origin.js';
import { run } from './run.js';
import { startWorker } from './workerd.js';

const here = fileURLToPath(new URL('./', import.meta.url));
const runtimes = (process.env.BREAKWATER_RUNTIMES ?? '').split(' ').filter(Boolean);
const isWanted = (runtime: string): boolean => runtimes.includes(runtime);

let project: string;
let origin: Origin;

beforeAll(async () => {
  const needsFixture = ['bun', 'deno', 'workerd'].some(isWanted);
  project = await (needsFixture ? fixtureProject('runtimes') : emptyProject('module'));
  mkdirSync(join(project, 'src'));
  for (const file of ['checks.ts', 'simulation-digest.ts', 'cross-requests.ts'])
    cpSync(join(here, file), join(project, 'src', file));

  const program = `
    import { runChecks } from './src/checks.ts';
    const [url] = typeof Deno === 'undefined' ? process.argv.slice(2) : Deno.args;
    console.log(JSON.stringify(await runChecks(url)));
    if (typeof process !== 'undefined') process.exit();
  `;
  const worker = `export { default } from './src/cross-requests.ts';`;
  const page = `
    import { runChecks } from './src/checks.ts';
    const results = await runChecks(location.origin);
    await fetch('/report', { method: 'POST', body: JSON.stringify(results) });
  `;
  await bundle(program, 'program.js', true);
  await bundle(page, 'page.js');
  await bundle(worker, 'worker.js');
});

/** Bundles a program, with the package in it or outside of it. */
const bundle = (contents: string, outfile: string, isOutside = false) =>
  build({
    stdin: { contents, resolveDir: project, loader: 'ts' },
    outfile: join(project, outfile),
    absWorkingDir: project,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    ...(isOutside ? { external: ['breakwater', 'breakwater/*'] } : {}),
  });

let report: (results: CheckResult[]) => void;
beforeAll(async () => {
  origin = await startOrigin({
    '/': (_request, response) => {
      response
        .setHeader('content-type', 'text/html')
        .end('<!doctype html><script type="module" src="/page.js"></script>');
    },
    '/page.js': (_request, response) => {
      response.setHeader('content-type', 'text/javascript').end(readFileSync(join(project, 'page.js')));
    },
    '/report': async (request, response) => {
      report(JSON.parse(await text(request)));
      response.end();
    },
    '/slow': (_request, response, url) => {
      const { id, ms, ...headers } = Object.fromEntries(url.searchParams);
      setTimeout(() => response.writeHead(200, headers).end(`after ${ms} ms`), Number(ms));
    },
  });
});

afterAll(() => origin?.close());

/** Prints a line for the table of runtimes, and expects that all checks have passed. */
function expectAllPassed(runtime: string, results: readonly CheckResult[]): void {
  const failed = results.filter(({ failure }) => failure !== undefined);
  console.log(`${runtime}: ${results.length - failed.length} of ${results.length} checks passed`);
  expect(failed).toEqual([]);
  expect(results.length).toBeGreaterThanOrEqual(40);
}

const runProgram = async (command: string, ...args: string[]): Promise<CheckResult[]> =>
  JSON.parse(await run(project, command, ...args, 'program.js', origin.url));

describe('Every check passes', () => {
  it('on this Node', async () => {
    expectAllPassed(`Node ${process.version}`, await runProgram(process.execPath));
  });

  it.each(runtimes.filter((runtime) => runtime.startsWith('node@')))('on %s', async (runtime) => {
    expectAllPassed(runtime, await runProgram('npx', '-y', '-p', runtime, 'node'));
  });

  it.runIf(isWanted('bun'))('on Bun', async () => {
    const bun = join(project, 'node_modules/@oven/bun-linux-x64/bin/bun');
    expectAllPassed(`Bun ${(await run(project, bun, '--version')).trim()}`, await runProgram(bun));
  });

  it.runIf(isWanted('deno'))('on Deno', async () => {
    const deno = join(project, 'node_modules/@deno/linux-x64-glibc/deno');
    expectAllPassed((await run(project, deno, '--version')).split('\n')[0]!, await runProgram(deno, 'run', '-A'));
  });

  it.runIf(isWanted('chromium'))('in Chromium', async () => {
    const command = await chromiumCommand();
    const results = new Promise<CheckResult[]>((resolve) => {
      report = resolve;
    });
    const browser = startChromium(command, join(project, 'chromium'), `${origin.url}/`);
    expectAllPassed((await run(project, command, '--version')).trim(), await results);
    await browser.close();
  });
});

/** Without `FinalizationRegistry`, and the newest that this workerd knows. */
const compatibilityDates = ['2025-01-01', '2026-11-01'];

describe.runIf(isWanted('workerd')).each(compatibilityDates)('In workerd with compatibility date %s', (date) => {
  const start = () => startWorker({ project, script: 'worker.js', date, bindings: { ORIGIN: origin.url } });
  let worker: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    worker = await start();
  });
  afterAll(() => worker?.close());

  const get = async (path: string) => (await fetch(`${worker.url}${path}`)).text();
  const after = async (ms: number, path: string) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return get(path);
  };

  it('every check passes', async () => {
    expectAllPassed(`workerd, compatibility date ${date}`, JSON.parse(await get('/checks')));
  });

  it('reads of several requests share a load', async () => {
    const answers = [get('/load?key=a&ms=200'), after(50, '/load?key=a&ms=200'), after(400, '/load?key=a&ms=200')];
    expect(await Promise.all(answers)).toEqual([
      'after 200 ms, load 1',
      'after 200 ms, load 1',
      'after 200 ms, load 1',
    ]);
  });

  it('calls of several requests share an operation', async () => {
    const answers = [get('/coalesce?ms=200'), after(50, '/coalesce?ms=200')];
    expect(await Promise.all(answers)).toEqual(['run 1', 'run 1']);
  });

  it('calls of several requests wait for the slots of a bulkhead', async () => {
    const paths = [1, 2, 3].map((call) => after(call * 10, '/bulkhead?ms=100'));
    expect(await Promise.all(paths)).toEqual(['done', 'done', 'done']);
  });

  it('a queue timeout ends the wait of a request after another request has ended', async () => {
    const answers = [get('/queue-timeout?ms=400'), after(50, '/queue-timeout?ms=0'), after(60, '/queue-timeout?ms=0')];
    expect(await Promise.all(answers)).toEqual(['done', 'ERR_QUEUE_TIMEOUT', 'ERR_QUEUE_TIMEOUT']);
  });

  it('calls of several requests wait for a limiter', async () => {
    const answers = await Promise.all([0, 10, 20, 30].map((ms) => after(ms, '/limiter')));
    expect(answers).toEqual(['true', 'true', 'true', 'true']);
  });

  it('a timeout ends a call after the request has ended whose call came first', async () => {
    const answers = [get('/timeout?ms=50'), after(20, '/timeout?ms=5000'), after(400, '/timeout?ms=5000')];
    expect(await Promise.all(answers)).toEqual(['done', 'ERR_TIMEOUT', 'ERR_TIMEOUT']);
  });

  it('requests share a resilientFetch with one slot', async () => {
    const answers = [1, 2, 3].map((call) => after(call * 10, `/fetch?ms=100&id=${call}`));
    expect(await Promise.all(answers)).toEqual(['after 100 ms', 'after 100 ms', 'after 100 ms']);
  });

  it('requests share a cached response while it arrives', async () => {
    const path = '/cached?ms=200&cache-control=max-age%3D60';
    expect(await Promise.all([get(path), after(50, path), after(400, path)])).toEqual([
      'after 200 ms',
      'after 200 ms',
      'after 200 ms',
    ]);
  });

  it('a request that ends early gives back its slot, and its operation is started again', async () => {
    expect(await get('/leave')).toBe('left');
    // No code of the request runs any more. Its slot and its operation are noticed as lost after five seconds.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await Promise.all([get('/left-slot'), get('/left-operation')])).toEqual([
      'done',
      'The operation was shared with another request of this worker, which has ended before it',
    ]);
    expect(await Promise.all([get('/left-slot'), get('/left-operation')])).toEqual(['done', 'done']);
  });
});

describe('The list of runtimes', () => {
  it('every name of BREAKWATER_RUNTIMES is known', () => {
    const known = /^(?:node@\d+(?:\.\d+)*|bun|deno|workerd|chromium)$/;
    expect(runtimes.filter((runtime) => !known.test(runtime))).toEqual([]);
  });
});
