import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

/** The folders that each folder may import, besides itself (docs/architecture.md). A new folder of src needs a line here. */
const mayImport: Record<string, string[]> = {
  core: [],
  pipeline: ['core'],
  retry: ['core'],
  timeout: ['core'],
  'circuit-breaker': ['core'],
  bulkhead: ['core'],
  overload: ['core', 'bulkhead'],
  fallback: ['core'],
  keyed: ['core'],
  coalesce: ['core'],
  dedupe: ['core', 'http-fields'],
  guard: ['core'],
  hedge: ['core'],
  classify: ['core'],
  cache: ['core'],
  'loading-cache': ['core', 'cache'],
  'tiered-cache': ['core', 'cache', 'loading-cache', 'timeout', 'circuit-breaker'],
  'cache-writers': ['core', 'cache', 'loading-cache'],
  'http-fields': ['core'],
  'http-cache': ['core', 'cache', 'loading-cache', 'http-fields'],
  fetch: [
    ...['core', 'pipeline', 'retry', 'timeout', 'circuit-breaker', 'bulkhead', 'keyed'],
    ...['rate-limit', 'http-fields'],
  ],
  'hash-ring': ['core'],
  'load-balancer': ['core', 'hash-ring'],
  'rate-limit': ['core', 'http-fields'],
  undici: ['core', 'fetch'],
  'request-context': ['core'],
  'http-server': ['core', 'rate-limit', 'http-fields', 'overload', 'request-context'],
  sharding: ['core', 'hash-ring'],
  chaos: ['core'],
  simulator: ['core', 'testing'],
  testing: ['core', 'cache-writers', 'tiered-cache'], // only the types of a store and a journal, for their contracts
};

const src = fileURLToPath(new URL('../../src/', import.meta.url));
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
const text = (file: string) => readFileSync(src + file, 'utf8');

/** The imports of a file, including types: `import`, `export … from`, `import()` and `require()`. */
const importsOf = (file: string) => ts.preProcessFile(text(file), true, true).importedFiles.map((it) => it.fileName);

/** The path inside src that a relative import names. */
const resolve = (file: string, specifier: string) => posix.join(posix.dirname(file), specifier).replace(/\.js$/, '.ts');

/** The files of src that a file imports. */
const targetsOf = (file: string) =>
  importsOf(file)
    .map((specifier) => resolve(file, specifier))
    .filter((target) => files.includes(target));

const folderOf = (file: string) => (file.includes('/') ? posix.dirname(file).split('/')[0]! : '');

describe('The architecture rules', () => {
  it('every import is a file of src, without packages, and without node: modules except where only Node can work', () => {
    const needNode = ['load-balancer/dns/dns-nodes.ts: node:dns/promises', 'load-balancer/tcp/tcp-check.ts: node:net'];
    const foreignImports = files.flatMap((file) =>
      importsOf(file)
        .filter((specifier) => !specifier.startsWith('.') || !files.includes(resolve(file, specifier)))
        .map((specifier) => `${file}: ${specifier}`),
    );
    expect(foreignImports).toEqual(needNode);
  });

  it('every folder has its line above and imports only the listed folders', () => {
    const folders = new Set(files.map(folderOf).filter((folder) => folder !== ''));
    expect([...folders].sort()).toEqual(Object.keys(mayImport).sort());

    const violations = files
      .filter((file) => folderOf(file) !== '')
      .flatMap((file) => targetsOf(file).map((target) => [file, target] as const))
      .filter(([file, target]) => ![folderOf(file), ...mayImport[folderOf(file)]!].includes(folderOf(target)))
      .map(([file, target]) => `${file} imports ${target}`);
    expect(violations).toEqual([]);
  });

  it('no file imports itself in a cycle', () => {
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, path: string[]) => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' → '));
      if (path.includes(file) || done.has(file)) return;
      for (const target of targetsOf(file)) visit(target, [...path, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
  });

  it('every index.ts only re-exports', () => {
    const otherStatements = files
      .filter((file) => posix.basename(file) === 'index.ts')
      .flatMap((file) => {
        const { statements } = ts.createSourceFile(file, text(file), ts.ScriptTarget.ES2022);
        return statements
          .filter((statement) => !ts.isExportDeclaration(statement) || statement.moduleSpecifier === undefined)
          .map((statement) => `${file}: ${ts.SyntaxKind[statement.kind]}`);
      });
    expect(otherStatements).toEqual([]);
  });
});
