/** What bundlers make of the installed package. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, type Plugin, transform } from 'esbuild';
import { type Plugin as RollupPlugin, rollup } from 'rollup';
import { beforeAll, describe, expect, it } from 'vitest';
import { root, universal } from './entry-points.js';
import { fixtureProject } from './install.js';
import { runNode } from './run.js';

let project = '';

beforeAll(async () => {
  project = await fixtureProject('bundlers');
});

async function esbuildBundle(contents: string, ...plugins: Plugin[]): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: project },
    bundle: true,
    minifySyntax: true,
    format: 'esm',
    write: false,
    plugins,
  });
  return outputFiles[0]!.text;
}

/** Makes esbuild search for side effects itself, instead of trusting the `sideEffects` field of package.json. */
const ignoreSideEffectsField: Plugin = {
  name: 'ignore-side-effects-field',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /./ }, async ({ path, pluginData, ...rest }) => {
      if (pluginData === ignoreSideEffectsField) return undefined;
      return { ...(await resolve(path, { ...rest, pluginData: ignoreSideEffectsField })), sideEffects: true };
    });
  },
};

/** Resolves the imports of a program as Node does. Rollup itself resolves only relative paths. */
const nodeResolution: RollupPlugin = {
  name: 'node-resolution',
  resolveId: (id, importer) =>
    id.startsWith('breakwater') && importer !== undefined ? createRequire(importer).resolve(id) : undefined,
};

async function rollupBundle(file: string): Promise<string> {
  const bundle = await rollup({ input: file, plugins: [nodeResolution], logLevel: 'silent' });
  return (await bundle.generate({ format: 'es' })).output[0].code;
}

/**
 * The sizes of programs in each bundler, in bytes after gzip. All outputs pass through one minifier, so that only the
 * bundlers' choices of code differ.
 */
async function bundleAll(programs: Readonly<Record<string, string>>): Promise<Record<string, Record<string, number>>> {
  const folder = join(project, 'programs');
  mkdirSync(folder, { recursive: true });
  const files = Object.entries(programs).map(([name, source]) => {
    const file = join(folder, `${name}.js`);
    writeFileSync(file, source);
    return [name, file] as const;
  });
  // Webpack and Vite come from the fixture, in a process of their own.
  const printed = await runNode(project, 'bundle.js', ...files.map(([, file]) => file));
  const outputs = JSON.parse(printed) as Record<'vite' | 'webpack', readonly string[]>;
  const codes = {
    esbuild: await Promise.all(files.map(([, file]) => esbuildBundle(readFileSync(file, 'utf8')))),
    rollup: await Promise.all(files.map(([, file]) => rollupBundle(file))),
    ...outputs,
  };
  const sized = Object.entries(codes).map(async ([bundler, list]) => {
    const sizes = await Promise.all(list.map(gzippedSize));
    return [bundler, Object.fromEntries(files.map(([name], index) => [name, sizes[index]!]))] as const;
  });
  return Object.fromEntries(await Promise.all(sized));
}

/** Webpack leaves it to the minifier to remove what it has found to be unused. */
async function gzippedSize(source: string): Promise<number> {
  const { code } = await transform(source, {
    minify: true,
    treeShaking: true,
    format: 'esm',
    target: 'es2022',
    legalComments: 'none',
  });
  return code === '' ? 0 : gzipSync(code, { level: 9 }).length;
}

/** One name of each chunk, and the one with the least code. */
const samples = [
  ['core', 'isResilienceError'],
  ['retry', 'retry'],
  ['circuit-breaker', 'circuitBreaker'],
  ['rate-limit', 'TokenBucket'],
  ['cache', 'LruCache'],
  ['loading-cache', 'loadingCache'],
  ['fetch', 'resilientFetch'],
  ['hash-ring', 'HashRing'],
] as const;

describe('Four bundlers', () => {
  const bundlers = ['esbuild', 'rollup', 'vite', 'webpack'];
  let sizes: Record<string, Record<string, number>> = {};

  beforeAll(async () => {
    const programs: Record<string, string> = {
      nothing: '',
      unused: "import 'breakwater';\nimport { retry } from 'breakwater/retry';\nimport * as all from 'breakwater';\n",
    };
    for (const [subpath, name] of samples) {
      programs[`${name}-root`] = `import { ${name} } from 'breakwater';\nglobalThis.used = ${name};\n`;
      programs[`${name}-subpath`] = `import { ${name} } from 'breakwater/${subpath}';\nglobalThis.used = ${name};\n`;
    }
    sizes = await bundleAll(programs);
  });

  it.each(bundlers)(
    'a bundle of %s is as large with an import from the root as with one from the subpath',
    (bundler) => {
      for (const [, name] of samples) {
        const [fromRoot, fromSubpath] = [sizes[bundler]![`${name}-root`]!, sizes[bundler]![`${name}-subpath`]!];
        expect(fromRoot, name).toBeGreaterThan(50);
        // The order of the modules differs, and with it the compressed size by a few bytes.
        expect(Math.abs(fromRoot - fromSubpath), name).toBeLessThanOrEqual(Math.max(5, fromSubpath / 100));
      }
    },
  );

  it.each(bundlers)('an unused import leaves nothing in a bundle of %s', (bundler) => {
    expect(sizes[bundler]!.unused).toBe(sizes[bundler]!.nothing);
  });

  it.each(bundlers)('a bundle of %s with a single retry is within 5 % of the size budget', (bundler) => {
    const budgets = JSON.parse(readFileSync(new URL('.size-limit.json', root), 'utf8')) as {
      name: string;
      limit: string;
    }[];
    const budget = Number.parseFloat(budgets.find(({ name }) => name === 'retry')!.limit) * 1000;
    expect(budget).toBeGreaterThan(1000);
    // `npm run size` holds the budget itself, with esbuild. The other bundlers add code of their own.
    expect(sizes[bundler]!['retry-root']).toBeLessThan(1.05 * budget);
  });
});

describe('esbuild', () => {
  it('a bundle of an unused import is empty, even without the sideEffects field', async () => {
    expect(await esbuildBundle("import 'breakwater'", ignoreSideEffectsField)).toBe('');
    expect(await esbuildBundle("import * as all from 'breakwater'")).toBe('');
  });

  it('a bundle of a program without fault injection has no word of it, also with an unused import', async () => {
    const program = `
      import { cachedFetch, circuitBreaker, explain, fallback, pipeline, resilientFetch, retry } from 'breakwater';
      globalThis.used = [cachedFetch, circuitBreaker, explain, fallback, pipeline, resilientFetch, retry];`;
    const bundle = await esbuildBundle(program);
    expect(bundle).toContain('faults-not-innermost');
    expect(bundle).not.toMatch(/chaos/i);
    expect(await esbuildBundle(`${program}\nimport { chaosControl } from 'breakwater/chaos';`)).toBe(bundle);
    const unused = "import 'breakwater/chaos';\nimport * as chaos from 'breakwater/chaos';";
    expect(await esbuildBundle(unused, ignoreSideEffectsField)).toBe('');
  });

  // The order of the files follows the imports and may differ. The code may not differ.
  it.each(universal)('a bundle has the same lines with an import from the root and from %s', async (subpath) => {
    const lines = async (contents: string) =>
      withoutSuffixes(await esbuildBundle(contents))
        .split('\n')
        .sort();
    const entry = createRequire(join(project, 'package.json')).resolve(subpath);
    for (const name of Object.keys((await import(pathToFileURL(entry).href)) as object)) {
      const fromRoot = await lines(`export { ${name} } from 'breakwater'`);
      expect(fromRoot.length, name).toBeGreaterThan(2);
      expect(fromRoot, name).toEqual(await lines(`export { ${name} } from '${subpath}'`));
    }
  });
});

/**
 * Removes the numbers that esbuild appends to a name if another file declares it too, even in code that is not used:
 * `{ timeout: timeout2 }` becomes `{ timeout }`.
 */
function withoutSuffixes(code: string): string {
  return code.replace(/\b([A-Za-z_$][\w$]*?)\d+\b/g, '$1').replace(/\b([\w$]+): \1\b/g, '$1');
}
