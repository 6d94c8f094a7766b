/**
 * Bundles the files of `build`, one for each file of `src`, into the few files of `dist`: the last step of
 * `npm run build`. Node spends more time on each file than on its code, so that 250 small files would make the import of
 * the package three times as expensive.
 *
 * Both module systems get the same chunks, and each gets declarations of its own: TypeScript reads a `.d.ts` as an ES
 * module and a `.d.cts` as CommonJS.
 */
import { readFileSync, rmSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type OutputOptions, type Plugin, type RollupOptions, rollup } from 'rollup';
import { dts } from 'rollup-plugin-dts';
import { minify } from 'terser';

const root = new URL('../', import.meta.url);
const build = fileURLToPath(new URL('build/', root));
const dist = fileURLToPath(new URL('dist/', root));

/**
 * The folders of `src` that share a chunk. Few chunks make the import of the root cheap, and small ones that of an entry
 * point (`npm run import-cost`). The folders of an entry point that is not universal, such as one that needs Node, are
 * not listed unless another entry point imports them: they stay in its own file.
 */
const chunks: Record<string, readonly string[]> = {
  core: ['core'],
  retry: ['retry'],
  policies: ['pipeline', 'timeout', 'circuit-breaker', 'bulkhead', 'fallback', 'keyed', 'coalesce', 'guard', 'hedge'],
  cache: ['cache'],
  overload: ['overload'],
  context: ['request-context'],
  testing: ['testing'],
  services: [
    ...['rate-limit', 'loading-cache', 'tiered-cache', 'cache-writers', 'http-fields', 'http-cache', 'fetch'],
    ...['dedupe', 'classify', 'hash-ring', 'load-balancer', 'sharding'],
  ],
};
const chunkOfFolder = new Map(Object.entries(chunks).flatMap(([chunk, folders]) => folders.map((it) => [it, chunk])));

/** The chunk of a file of `build`; undefined for a file of the root or of an entry point that is not universal. */
function chunkOf(file: string): string | undefined {
  const path = relative(build, file);
  return /^load-balancer\/(?:dns|tcp)\//.test(path) ? undefined : chunkOfFolder.get(path.split('/')[0]!);
}

const { exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { exports: object };
const subpaths = Object.keys(exports).filter((subpath) => subpath !== './package.json');

/** `./retry` → `retry: build/retry/index.js` */
const inputs = (extension: string): Record<string, string> =>
  Object.fromEntries(
    subpaths.map((subpath) => {
      const name = subpath.slice(2);
      return name === '' ? ['index', `${build}index${extension}`] : [name, `${build}${name}/index${extension}`];
    }),
  );

const input = (extension: string, plugins: Plugin[]): RollupOptions => ({
  input: inputs(extension),
  external: /^node:/,
  treeshake: { moduleSideEffects: false },
  plugins,
  onLog(_level, { code, message }) {
    // A public class may extend an internal one. Nobody writes the name of that one.
    if (message.includes('still references private shared type exports')) return;
    throw new Error(`${code}: ${message}`);
  },
});

const output = (extension: string, format: 'es' | 'cjs', plugins: Plugin[]): OutputOptions => ({
  dir: dist,
  format,
  entryFileNames: `[name].${extension}`,
  chunkFileNames: `chunks/[name].${extension}`,
  manualChunks: chunkOf,
  // Names in stack traces stay those of the source.
  minifyInternalExports: false,
  // Each file imports what it uses itself. To import what its imports import too would only save a round trip in a
  // browser without a bundler.
  hoistTransitiveImports: false,
  // No binding is reassigned after its module has run, so that CommonJS can export values instead of getters.
  externalLiveBindings: false,
  generatedCode: { preset: 'es2015', symbols: false },
  plugins,
});

/**
 * Makes the code cheap to parse: shortens the names of local variables, removes indentation and all comments but the
 * marks of pure calls, by which bundlers drop what is not used, and writes all characters in ASCII, so that V8 keeps a
 * file with one byte for each character. The names of functions, classes and members stay, and so do lines, for stack
 * traces. `npm run import-cost` shows the gain: an eighth of the CPU of an import. The package contains `src` for readers.
 */
const withoutComments: Plugin = {
  name: 'without-comments',
  async renderChunk(code) {
    const format = { beautify: true, indent_level: 0, ascii_only: true, comments: false, preserve_annotations: true };
    const mangle = { keep_fnames: true, keep_classnames: true };
    const { code: short } = await minify(code, { compress: false, mangle, format });
    // terser puts the mark of a returned call before its `return`, where bundlers do not read it.
    return short?.replaceAll(
      /\/\* @__PURE__ \*\/\n( *return )/g,
      (_mark, start: string) => `${start.trimStart()}/* @__PURE__ */ `,
    );
  },
};

/**
 * Declarations need the library of `Disposable` only where they name it. TypeScript reads the reference on the first
 * lines of a file only, and a bundler leaves it where the declaration of its file begins.
 */
const libraryReferences: Plugin = {
  name: 'library-references',
  renderChunk(code) {
    const reference = '/// <reference lib="esnext.disposable" preserve="true" />\n';
    const rest = code.replaceAll(/^\/\/\/ <reference lib="esnext\.disposable".*\n/gm, '');
    return /\b(?:Async)?Disposable\b|\bSymbol\.(?:asyncD|d)ispose\b/.test(rest) ? reference + rest : rest;
  },
};

/** In the declarations of CommonJS, `./chunks/core.js` is the file `./chunks/core.cjs`. */
const commonJsImports: Plugin = {
  name: 'commonjs-imports',
  renderChunk: (code) => code.replaceAll(/(from '|import\(')(\.{1,2}\/[^']+)\.js'/g, "$1$2.cjs'"),
};

rmSync(dist, { recursive: true, force: true });
const code = await rollup(input('.js', []));
await code.write(output('js', 'es', [withoutComments]));
await code.write(output('cjs', 'cjs', [withoutComments]));
const declarations = await rollup(input('.d.ts', [dts()]));
await declarations.write(output('d.ts', 'es', [libraryReferences]));
await declarations.write(output('d.cts', 'es', [libraryReferences, commonJsImports]));
