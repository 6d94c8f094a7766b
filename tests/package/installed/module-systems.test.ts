/** The installed package in both module systems, in test runners, and as two copies in one process. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { transform } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { copyChecks } from '../copy-checks.js';
import { entryPoints } from './entry-points.js';
import { emptyProject, fixtureProject } from './install.js';
import { run, runNode } from './run.js';

/** Node versions to test besides the current one, as in `BREAKWATER_NODES='22 24'`. npm downloads them. */
const otherNodes = (process.env.BREAKWATER_NODES ?? '').split(' ').filter(Boolean);

const smoke = `
const { createServer } = require('node:http');
const assert = require('node:assert/strict');

async function main(load) {
  for (const name of ${JSON.stringify(entryPoints)}) assert.ok(Object.keys(await load(name)).length > 0, name);

  const { pipeline, resilientFetch, retry, timeout, constantBackoff, isResilienceError } = await load('breakwater');

  let calls = 0;
  const policy = pipeline(retry({ backoff: constantBackoff(1) }), timeout('5s'));
  const answer = await policy.execute(async () => {
    if (++calls < 3) throw new Error('not yet');
    return calls;
  });
  assert.equal(answer, 3);
  await assert.rejects(
    timeout(1).execute(() => new Promise(() => {})),
    (error) => isResilienceError(error, 'ERR_TIMEOUT'),
  );

  let requests = 0;
  const server = createServer((request, response) => {
    response.statusCode = ++requests === 1 ? 503 : 200;
    response.end('hello');
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const response = await resilientFetch()(\`http://127.0.0.1:\${server.address().port}/\`);
  assert.equal(response.status, 200);
  assert.equal(await response.text(), 'hello');
  assert.equal(requests, 2);
  server.closeAllConnections();
  server.close();
  for (const name of ${JSON.stringify(entryPoints)}) {
    const [required, imported] = [require(name), await import(name)];
    for (const key of Object.keys(imported)) assert.equal(required[key], imported[key], \`\${name} has two copies\`);
  }
  console.log(process.version);
}
`;
const asModule = `
import { createRequire } from 'node:module';
import 'breakwater';
const require = createRequire(import.meta.url);
${smoke}
await main((name) => import(name));
`;
const asCommonJs = `${smoke}\nmain(require);\n`;

/** Runs all copy checks with both copies in both roles, and prints the result of each. */
const copies = (loadOther: string) => `
import * as root from 'breakwater';
import * as context from 'breakwater/request-context';
import { TestClock } from 'breakwater/testing';
import { createRequire } from 'node:module';
import { copyChecks } from './copy-checks.mjs';
const require = createRequire(import.meta.url);
const one = { ...root, ...context, TestClock };
const other = { ...${loadOther} };
const results = {};
for (const [name, check] of Object.entries(copyChecks)) {
  try {
    await check(one, other);
    await check(other, one);
    results[name] = 'passed';
  } catch (error) {
    results[name] = error.stack;
  }
}
console.log(JSON.stringify(results));
`;

let [esm, cjs] = ['', ''];

beforeAll(async () => {
  [esm, cjs] = await Promise.all([emptyProject('module', 'other-version'), emptyProject('commonjs')]);
  writeFileSync(join(esm, 'smoke.js'), asModule);
  writeFileSync(join(cjs, 'smoke.js'), asCommonJs);
});

describe.each(['import', 'require'])('The package loaded with %s', (system) => {
  const project = () => (system === 'import' ? esm : cjs);

  it('every entry point is loaded, used, and the same with import and require, on this Node version', async () => {
    expect((await runNode(project(), 'smoke.js')).trim()).toBe(process.version);
  });

  it.each(otherNodes)(
    'every entry point is loaded, used, and the same with import and require, on Node %s',
    async (version) => {
      const printed = await run(project(), 'npx', '-y', '-p', `node@${version}`, 'node', 'smoke.js');
      expect(printed).toMatch(new RegExp(`^v${version}\\.`));
    },
  );
});

describe.each([
  [
    'CommonJS beside ES modules',
    ['index', 'testing', 'request-context']
      .map((name) => `require('./node_modules/breakwater/dist/${name}.cjs')`)
      .join(', ...'),
  ],
  [
    'another version',
    ['', '/testing', '/request-context'].map((path) => `await import('other-version${path}')`).join(', ...'),
  ],
])('Two copies in one process: %s', (title, loadOther) => {
  let results: Readonly<Record<string, string>> = {};

  beforeAll(async () => {
    const manifest = join(esm, 'node_modules/other-version/package.json');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace(/"version": ".*"/, '"version": "9.9.9"'));
    const source = readFileSync(new URL('../copy-checks.ts', import.meta.url), 'utf8');
    const { code } = await transform(source, { loader: 'ts', target: 'node20' });
    writeFileSync(join(esm, 'copy-checks.mjs'), code);
    const program = join(esm, `${title.replaceAll(' ', '-')}.mjs`);
    writeFileSync(program, copies(loadOther));
    results = JSON.parse(await runNode(esm, program)) as typeof results;
  });

  it.each(Object.keys(copyChecks))('%s', (name) => {
    expect(results[name]).toBe('passed');
  });
});

describe.concurrent('The package in test runners and TypeScript runners', () => {
  const test = { 'breakwater.test.js': 'breakwater.test.js' };
  let [jest29, jest30, runners] = ['', '', ''];

  beforeAll(async () => {
    [jest29, jest30, runners] = await Promise.all([
      fixtureProject('jest-29', test),
      fixtureProject('jest-30', test),
      fixtureProject('ts-runners'),
    ]);
    const program = readFileSync(join(runners, 'program.ts'), 'utf8');
    writeFileSync(join(runners, 'program.mts'), program);
  });

  it('Jest 29 runs a CommonJS test, and a TypeScript test with ts-jest, without flags', async () => {
    await runNode(jest29, 'node_modules/jest/bin/jest.js', '--ci');
  });

  it('Jest 30 runs a CommonJS test without flags', async () => {
    await runNode(jest30, 'node_modules/jest/bin/jest.js', '--ci');
  });

  it.each([
    ['ts-node runs', ['-r', 'ts-node/register', 'program.ts']],
    ['tsx runs a CommonJS program:', ['--import', 'tsx', 'program.ts']],
    ['tsx runs an ES module:', ['--import', 'tsx', 'program.mts']],
  ])('%s a program that uses the package', async (_name, args) => {
    expect((await runNode(runners, ...args)).trim()).toBe('[3,true,false,"https://a.test/"]');
  });

  it('Vitest runs a test that uses the package', async () => {
    await runNode(runners, 'node_modules/vitest/vitest.mjs', 'run');
  });
});
