/** The package as a user installs it: built, packed, and installed into empty projects. */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { build, type Plugin } from 'esbuild';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linksOf } from '../docs/links.js';
import { filesIn } from '../docs/samples.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), 'breakwater-'));
const esm = join(temporary, 'esm');
const cjs = join(temporary, 'cjs');

/** Node versions to test besides the current one, as in `BREAKWATER_NODES='22 24'`. npm downloads them. */
const otherNodes = (process.env.BREAKWATER_NODES ?? '').split(' ').filter(Boolean);

const { exports, files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: object;
  files: readonly string[];
};
const entryPoints = Object.keys(exports)
  .filter((subpath) => subpath !== './package.json')
  .map((subpath) => subpath.replace('.', 'breakwater'));
/** Entry points that the root does not re-export. */
const notUniversal = ['breakwater', 'breakwater/load-balancer/tcp', 'breakwater/http-server', 'breakwater/testing'];
const universal = entryPoints.filter((name) => !notUniversal.includes(name));

async function run(cwd: string, command: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, { cwd, env: { ...process.env, NODE_ENV: undefined } });
  return stdout;
}

const tool = (path: string, ...args: string[]) =>
  run(root, process.execPath, join(root, 'node_modules', path), ...args);

beforeAll(async () => {
  const stage = join(temporary, 'stage');
  mkdirSync(stage);
  await tool('tsup/dist/cli-default.js', '--out-dir', join(stage, 'dist'));
  for (const config of ['tsconfig.build.json', 'tsconfig.node.json']) {
    await tool('typescript/bin/tsc', '-p', config, '--outDir', join(stage, 'dist'));
  }
  for (const name of ['package.json', 'README.md', 'LICENSE', ...files]) {
    if (name !== 'dist' && existsSync(join(root, name)))
      cpSync(join(root, name), join(stage, name), { recursive: true });
  }
  await run(stage, 'npm', 'pack', '--ignore-scripts', '--pack-destination', temporary);
  const tarball = readdirSync(temporary).find((name) => name.endsWith('.tgz'))!;

  for (const [folder, type] of [
    [esm, 'module'],
    [cjs, 'commonjs'],
  ] as const) {
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type }));
    await run(folder, 'npm', 'install', '--offline', '--no-audit', '--no-fund', join(temporary, tarball));
  }
});

/** Replaces times, which differ between runs. All other numbers are compared. */
const withoutTimes = (text: string): string => text.replace(/\b\d+ ms\b/g, '… ms');

afterAll(() => rmSync(temporary, { recursive: true, force: true }));

describe('The tarball', () => {
  it('the tarball contains a JavaScript file, a declaration and both maps for every source file, and only the listed files', () => {
    const installed = join(esm, 'node_modules/breakwater');
    const list = (folder: string) =>
      readdirSync(join(installed, folder), { recursive: true, encoding: 'utf8' }).filter((path) => /\.\w+$/.test(path));
    const expected = list('src').flatMap((path) =>
      ['.js', '.js.map', '.d.ts', '.d.ts.map'].map((ending) => path.replace(/\.ts$/, ending)),
    );
    expect(list('dist').sort()).toEqual(expected.sort());
    const inRepository = ['package.json', 'README.md', 'LICENSE', ...files].filter(
      (name) => name === 'dist' || existsSync(join(root, name)),
    );
    expect(readdirSync(installed).sort()).toEqual(inRepository.sort());
  });

  it('the tarball contains every file that its README and documentation link to', () => {
    const installed = join(esm, 'node_modules/breakwater');
    for (const file of ['README.md', ...filesIn('docs', '.md')]) {
      const missing = linksOf(readFileSync(join(installed, file), 'utf8')).filter(({ target }) => {
        const [path = ''] = decodeURI(target).split('#');
        return !existsSync(join(installed, dirname(file), path));
      });
      expect(missing, file).toEqual([]);
    }
  });

  it('the tarball contains examples that run in the installed package', async () => {
    const example = join('node_modules', 'breakwater', 'examples', 'pipeline.ts');
    const tsx = createRequire(import.meta.url).resolve('tsx');
    const printed = await run(esm, process.execPath, '--import', pathToFileURL(tsx).href, example);
    const promised = /\/\* Prints, but for the milliseconds:\n(.*)\*\/\n$/s.exec(
      readFileSync(join(esm, example), 'utf8'),
    )![1]!;
    expect(withoutTimes(printed)).toBe(withoutTimes(promised));
  });
});

describe('The installed package', () => {
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
  const asCommonJs = `${smoke}\n  main(require);\n`;

  beforeAll(() => {
    writeFileSync(join(esm, 'smoke.js'), asModule);
    writeFileSync(join(cjs, 'smoke.js'), asCommonJs);
  });

  describe.each([
    ['import', esm],
    ['require', cjs],
  ])('loaded with %s', (_, folder) => {
    it('every entry point can be loaded and used on this Node version', async () => {
      expect((await run(folder, process.execPath, 'smoke.js')).trim()).toBe(process.version);
    });

    it.each(otherNodes)('every entry point can be loaded and used on Node %s', async (version) => {
      const printed = await run(folder, 'npx', '-y', '-p', `node@${version}`, 'node', 'smoke.js');
      expect(printed).toMatch(new RegExp(`^v${version}\\.`));
    });
  });
});

describe('Declarations', () => {
  const sources = new Map<string, ts.SourceFile | undefined>();

  function compile(names: string[], lib: string[], types: string[]): ts.Program {
    const options: ts.CompilerOptions = {
      module: ts.ModuleKind.NodeNext,
      target: ts.ScriptTarget.ES2022,
      lib: lib.map((name) => `lib.${name}.d.ts`),
      types,
      typeRoots: [join(root, 'node_modules/@types')],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
    };
    const host = ts.createCompilerHost(options);
    const read = host.getSourceFile;
    host.getSourceFile = (path, ...rest) => {
      if (!sources.has(path)) sources.set(path, read(path, ...rest));
      return sources.get(path);
    };
    const main = join(esm, `uses-${names.length === 1 ? names[0]?.replaceAll('/', '-') : 'all'}.ts`);
    writeFileSync(main, names.map((name, index) => `import * as api${index} from '${name}';\n`).join(''));
    return ts.createProgram([main], options, host);
  }

  const messages = (diagnostics: readonly ts.Diagnostic[]) =>
    diagnostics.map((it) => `${it.file?.fileName ?? ''}: ${ts.flattenDiagnosticMessageText(it.messageText, '\n')}`);

  it('the declarations compile with ES2022 and Node types, including library files', () => {
    expect(messages(ts.getPreEmitDiagnostics(compile(entryPoints, ['es2022'], ['node'])))).toEqual([]);
  });

  it('the declarations compile with ES2022 and DOM and without Node types, including library files', () => {
    expect(messages(ts.getPreEmitDiagnostics(compile(entryPoints, ['es2022', 'dom'], [])))).toEqual([]);
  });

  it.each(entryPoints)('the declarations of %s compile by themselves', (name) => {
    const program = compile([name], ['es2022', 'dom'], []);
    const own = program.getSourceFiles().filter((file) => file.fileName.startsWith(esm));
    expect(own.length).toBeGreaterThan(1);
    expect(messages(own.flatMap((file) => program.getSemanticDiagnostics(file)))).toEqual([]);
  });
});

describe('Bundles', () => {
  async function bundle(contents: string, ...plugins: Plugin[]): Promise<string> {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: esm },
      bundle: true,
      minifySyntax: true,
      format: 'esm',
      write: false,
      plugins,
    });
    return outputFiles[0]!.text;
  }

  /** Makes the bundler search for side effects itself, instead of trusting the sideEffects field of package.json. */
  const ignoreSideEffectsField: Plugin = {
    name: 'ignore-side-effects-field',
    setup({ onResolve, resolve }) {
      onResolve({ filter: /./ }, async ({ path, pluginData, ...rest }) => {
        if (pluginData === ignoreSideEffectsField) return undefined;
        return { ...(await resolve(path, { ...rest, pluginData: ignoreSideEffectsField })), sideEffects: true };
      });
    },
  };

  it('a bundle of an unused import is empty', async () => {
    expect(await bundle("import 'breakwater'", ignoreSideEffectsField)).toBe('');
    expect(await bundle("import * as all from 'breakwater'")).toBe('');
  });

  // The order of the files follows the imports and may differ. The code may not differ.
  it.each(universal)('a bundle has the same lines with an import from the root and from %s', async (subpath) => {
    const lines = async (contents: string) => (await bundle(contents)).split('\n').sort();
    for (const name of Object.keys(await import(subpath))) {
      const fromRoot = await lines(`export { ${name} } from 'breakwater'`);
      expect(fromRoot.length, name).toBeGreaterThan(2);
      expect(fromRoot, name).toEqual(await lines(`export { ${name} } from '${subpath}'`));
    }
  });
});
