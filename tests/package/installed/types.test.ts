/** The declarations of the installed package in each TypeScript version and each way to resolve modules. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { entryPoints } from './entry-points.js';
import { fixtureProject } from './install.js';
import { runNode } from './run.js';

const versions = ['5.2', '5.4', '5.6', '5.9', '6', '7'];

/** Each way to resolve modules, with the ending that makes TypeScript read the program in the right module system. */
const modes = {
  node10: { module: 'commonjs', resolution: 'node10', ending: 'cts' },
  'node16 from CommonJS': { module: 'node16', resolution: 'node16', ending: 'cts' },
  'node16 from an ES module': { module: 'node16', resolution: 'node16', ending: 'mts' },
  'nodenext from CommonJS': { module: 'nodenext', resolution: 'nodenext', ending: 'cts' },
  'nodenext from an ES module': { module: 'nodenext', resolution: 'nodenext', ending: 'mts' },
  bundler: { module: 'esnext', resolution: 'bundler', ending: 'mts' },
} as const;
type Mode = keyof typeof modes;

let project = '';

beforeAll(async () => {
  project = await fixtureProject('typescript');
  const program = readFileSync(join(project, 'uses-all.ts'), 'utf8');
  for (const ending of ['cts', 'mts']) writeFileSync(join(project, `uses-all.${ending}`), program);
});

/** Compiles a program and returns the codes of all errors, or their texts if they are not in the list of expected codes. */
async function compile(version: string, mode: Mode, file: string, ...flags: readonly string[]): Promise<string> {
  const { module, resolution } = modes[mode];
  const strict = [
    '--strict',
    '--exactOptionalPropertyTypes',
    '--skipLibCheck',
    'false',
    '--skipDefaultLibCheck',
    'true',
  ];
  const options = ['--target', 'es2022', '--lib', 'es2022,dom', '--pretty', 'false', ...strict, ...flags];
  const output = flags.includes('--declaration') ? [] : ['--noEmit'];
  const args = [...options, ...output, '--module', module, '--moduleResolution', resolution, file];
  return runNode(project, `node_modules/typescript-${version}/bin/tsc`, ...args).then(
    () => '',
    (error: Error) => error.message.slice(error.message.indexOf('\n')).trim(),
  );
}

const codesIn = (errors: string): string[] => [...errors.matchAll(/error (TS\d+)/g)].map(([, code]) => code ?? '');

describe('The program of the fixture', () => {
  it('the program imports every entry point', () => {
    const program = readFileSync(join(project, 'uses-all.ts'), 'utf8');
    for (const name of entryPoints) expect(program).toContain(`from '${name}'`);
  });
});

describe.each(versions)('TypeScript %s', (version) => {
  const possible = (Object.keys(modes) as Mode[]).filter((mode) => mode !== 'node10' || version < '6');

  it.concurrent.each(possible)('the declarations of all entry points compile with %s', async (mode) => {
    expect(await compile(version, mode, `uses-all.${modes[mode].ending}`)).toBe('');
  });
});

describe('TypeScript 6', () => {
  it('the only error with node10 is that it is deprecated', async () => {
    expect(codesIn(await compile('6', 'node10', 'uses-all.cts'))).toEqual(['TS5107']);
    expect(await compile('6', 'node10', 'uses-all.cts', '--ignoreDeprecations', '6.0')).toBe('');
  });
});

describe('TypeScript 7', () => {
  it('the only error with node10 is that it was removed', async () => {
    expect(codesIn(await compile('7', 'node10', 'uses-all.cts'))).toEqual(['TS5108']);
  });
});

describe('A library that uses the package', () => {
  const emit = ['--declaration', '--emitDeclarationOnly', '--outDir'];

  it.each<Mode>(['node10', 'node16 from CommonJS', 'node16 from an ES module', 'bundler'])(
    'its declarations can be emitted with %s, and compile',
    async (mode) => {
      const { ending } = modes[mode];
      const folder = `emitted-${mode.replaceAll(' ', '-')}`;
      expect(await compile('5.9', mode, `uses-all.${ending}`, ...emit, folder)).toBe('');
      expect(await compile('5.9', mode, `${folder}/uses-all.d.${ending}`)).toBe('');
    },
  );

  it('an ES module combines policies whose types come from CommonJS', async () => {
    const from = (name: string) => `import * as b from 'breakwater';\n${name}`;
    writeFileSync(
      join(project, 'library.cts'),
      from(`export const policy = b.pipeline(b.retry(), b.timeout('5s'));
export const cache = new b.LruCache<string, number>({ capacity: 10 });
export const limiter = new b.TokenBucket({ capacity: 5, refill: 5, per: '1s' });
export const budget = new b.RetryBudget();
export const clock = b.systemClock;
`),
    );
    writeFileSync(
      join(project, 'application.mts'),
      from(`import { budget, cache, clock, limiter, policy } from './library.cjs';
export const all = b.pipeline(policy, b.retry({ budget, clock }), b.rateLimit(limiter));
export const value: Promise<number> = all.execute(async () => 1);
export const writer = b.writeThrough({ cache, write: async (_key: string, _value: number) => {} });
`),
    );
    expect(await compile('5.9', 'node16 from an ES module', 'application.mts')).toBe('');
  });
});
