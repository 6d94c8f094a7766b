/** Compiles the code in the documentation in one program, and runs each sample in its own process. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import ts from 'typescript';
import { importsFor } from './imports.js';
import { root, type Sample } from './samples.js';

export interface Build {
  /** The errors of the compiler for each sample, with their lines. */
  readonly errors: ReadonlyMap<Sample, readonly string[]>;
  /**
   * Runs a sample in its own process, so that it cannot affect other samples.
   * Resolves with the printed text. Rejects if the sample fails or has not ended after the given seconds.
   */
  run(sample: Sample, seconds?: number): Promise<string>;
  [Symbol.dispose](): void;
}

/**
 * Compiles all samples as separate modules, together with `src`, in one program with the settings of the
 * repository. The output folder is a package with the entry points of this one: a child process resolves `breakwater`
 * there like a program of a user, and starts several times as fast as one that compiles by itself.
 */
export function build(samples: readonly Sample[]): Build {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-samples-'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify(unbundledManifest()));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules')); // some samples use other packages
  return {
    errors: compile(samples, folder),
    run: (sample, seconds = 15) => run(sample, folder, seconds),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

/** The manifest of the package if its code were not bundled: each entry point is the `index.js` of its folder. */
function unbundledManifest(): object {
  const { name, type, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly name: string;
    readonly type: string;
    readonly exports: object;
  };
  const subpaths = Object.keys(exports).filter((subpath) => subpath !== './package.json');
  const entries = subpaths.map((subpath) => [subpath, subpath.replace('.', './src').concat('/index.js')]);
  return { name, type, exports: Object.fromEntries(entries) };
}

function compile(samples: readonly Sample[], outDir: string): Map<Sample, string[]> {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const settings = { ...config, include: [], files: ['src/index.ts'] };
  const { options } = ts.parseJsonConfigFileContent(settings, ts.sys, root, {
    noEmit: false,
    rootDir: root,
    outDir,
    inlineSourceMap: true,
  });
  const modules = new Map(samples.map((sample) => [join(root, moduleName(sample)), sample]));

  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  host.fileExists = (path) => modules.has(path) || fileExists(path);
  host.readFile = (path) => {
    const sample = modules.get(path);
    return sample === undefined ? readFile(path) : moduleOf(sample);
  };

  const program = ts.createProgram([...modules.keys()], options, host);
  program.emit();
  return new Map(
    [...modules].map(([path, sample]) => {
      const source = program.getSourceFile(path);
      if (source === undefined) throw new Error(`${path} is not in the program`);
      const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
      return [sample, found.map((diagnostic) => describe(sample, diagnostic))];
    }),
  );
}

function describe({ file }: Sample, { file: source, start = 0, code, messageText }: ts.Diagnostic): string {
  const line = (source?.getLineAndCharacterOfPosition(start).line ?? 0) + 1;
  return `${file}:${line} TS${code}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
}

const moduleName = ({ file, line }: Sample): string => `${file}.${line}.mts`;

/** The code as a module whose lines have the line numbers of the documentation. */
function moduleOf({ line, code, importsForFree }: Sample): string {
  const padding = '\n'.repeat(Math.max(0, line - 2));
  return `${padding}${importsForFree ? importsFor(code) : ''}\n${code}\nexport {};\n`;
}

async function run(sample: Sample, folder: string, seconds: number): Promise<string> {
  const file = join(folder, moduleName(sample).replace(/mts$/, 'mjs'));
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['--enable-source-maps', file], {
      cwd: root,
      env: { ...process.env, NO_COLOR: '1' },
      timeout: seconds * 1000,
    });
    return stdout;
  } catch (error) {
    const { killed, code, stderr } = error as { killed: boolean; code: unknown; stderr: string };
    const end = killed ? `still running after ${seconds} s` : `exit code ${code}`;
    // The stack then names the lines of the documentation.
    const place = stderr.replaceAll(moduleName(sample), sample.file);
    throw new Error(`${sample.file}:${sample.line}: ${end}\n${place}`);
  }
}
