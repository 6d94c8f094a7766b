/** The declarations of the installed package in each TypeScript version and each way to resolve modules. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { entryPoints } from './entry-points.js';
import { fixtureProject } from './install.js';
import { runNode } from './run.js';

const versions = ['5.2', '5.4', '5.6', '5.9', '6', '7'];

/**
 * Each way to resolve modules, with the endings of the programs to compile: TypeScript reads `.cts` as CommonJS and `.mts`
 * as an ES module.
 */
const modes = {
  node10: { module: 'commonjs', endings: ['cts'] },
  node16: { module: 'node16', endings: ['cts', 'mts'] },
  nodenext: { module: 'nodenext', endings: ['cts', 'mts'] },
  bundler: { module: 'esnext', endings: ['mts'] },
} as const;
type Mode = keyof typeof modes;
const programsOf = (mode: Mode) => modes[mode].endings.map((ending) => `uses-all.${ending}`);

let project = '';

beforeAll(async () => {
  project = await fixtureProject('typescript');
  const program = readFileSync(join(project, 'uses-all.ts'), 'utf8');
  for (const ending of ['cts', 'mts']) writeFileSync(join(project, `uses-all.${ending}`), program);
});

/** Compiles programs, and returns all errors. */
async function compile(version: string, mode: Mode, files: readonly string[], ...flags: string[]): Promise<string> {
  const checks = [
    '--strict',
    '--exactOptionalPropertyTypes',
    '--skipLibCheck',
    'false',
    '--skipDefaultLibCheck',
    'true',
  ];
  const language = ['--target', 'es2022', '--lib', 'es2022,dom', '--module', modes[mode].module];
  const output = flags.includes('--declaration') ? [] : ['--noEmit'];
  const args = [...language, '--moduleResolution', mode, ...checks, '--pretty', 'false', ...output, ...flags, ...files];
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
    expect(await compile(version, mode, programsOf(mode))).toBe('');
  });
});

describe('TypeScript 6', () => {
  it('the only error with node10 is that it is deprecated', async () => {
    const programs = programsOf('node10');
    expect(codesIn(await compile('6', 'node10', programs))).toEqual(['TS5107']);
    expect(await compile('6', 'node10', programs, '--ignoreDeprecations', '6.0')).toBe('');
  });
});

describe('TypeScript 7', () => {
  it('the only error with node10 is that it was removed', async () => {
    expect(codesIn(await compile('7', 'node10', programsOf('node10')))).toEqual(['TS5108']);
  });
});

describe('A library that uses the package', () => {
  it.each<Mode>(['node10', 'node16', 'bundler'])(
    'its declarations can be emitted with %s, and compile',
    async (mode) => {
      const folder = `emitted-${mode}`;
      const flags = ['--declaration', '--emitDeclarationOnly', '--outDir', folder];
      expect(await compile('5.9', mode, programsOf(mode), ...flags)).toBe('');
      const emitted = modes[mode].endings.map((ending) => `${folder}/uses-all.d.${ending}`);
      expect(await compile('5.9', mode, emitted)).toBe('');
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
    expect(await compile('5.9', 'node16', ['application.mts'])).toBe('');
  });
});
