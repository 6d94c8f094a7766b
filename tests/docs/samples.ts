/** The code in the documentation: finding it, compiling it, running it. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';

export const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Sample {
  /** From the root of the repository. */
  readonly file: string;
  /** Where the code begins, counted from 1. */
  readonly line: number;
  readonly code: string;
  /** Whether names of this package need no import: those of a doc comment are known from where it stands. */
  readonly importsForFree: boolean;
  /** Marked by the word `run` after `ts`: to be executed as well. */
  readonly runs: boolean;
  /** What it must print: the block marked `text` that directly follows it, if there is one. */
  readonly output: string | undefined;
}

/** Every block marked `ts` on a page. */
export function samplesOfPage(file: string, text: string): Sample[] {
  return samplesOf(file, text.split('\n'), false);
}

/** Every block marked `ts` in the doc comments of a source file. */
export function samplesOfSource(file: string, text: string): Sample[] {
  return samplesOf(file, docLines(text), true);
}

/** The lines of all `@example` tags that no block marked `ts` follows. */
export function emptyExamples(text: string): number[] {
  const lines = docLines(text);
  return lines.flatMap((line, index) => {
    if (!line.startsWith('@example')) return [];
    const next = lines.slice(index + 1).find((other) => other.startsWith('```') || other.startsWith('@'));
    return next?.startsWith('```ts') ? [] : [index + 1];
  });
}

/** Only what stands in doc comments, without its stars; other lines are empty, so that every line keeps its number. */
function docLines(text: string): string[] {
  let inside = false;
  return text.split('\n').map((line) => {
    const begins = /^\s*\/\*\*/.test(line);
    const belongs = begins || inside;
    inside = belongs && !line.includes('*/');
    return belongs && !begins ? line.replace(/^\s*\* ?/, '') : '';
  });
}

interface Block {
  /** What follows the opening fence: `ts run`. */
  readonly words: readonly string[];
  /** Indexes of the two fences. */
  readonly begin: number;
  readonly end: number;
  readonly text: string;
}

function samplesOf(file: string, lines: readonly string[], importsForFree: boolean): Sample[] {
  const blocks = blocksOf(file, lines);
  return blocks.flatMap((block, index) => {
    const [language, ...marks] = block.words;
    if (language !== 'ts' && language !== 'typescript') return [];
    const next = blocks[index + 1];
    const isOutput =
      next?.words[0] === 'text' &&
      lines
        .slice(block.end + 1, next.begin)
        .join('')
        .trim() === '';
    return {
      file,
      line: block.begin + 2,
      code: block.text,
      importsForFree,
      runs: marks.includes('run'),
      output: isOutput ? next.text : undefined,
    };
  });
}

function blocksOf(file: string, lines: readonly string[]): Block[] {
  const blocks: Block[] = [];
  for (let begin = 0; begin < lines.length; begin++) {
    const [, indent = '', fence, info = ''] = /^( *)(`{3,}|~{3,})(.*)$/.exec(lines[begin]!) ?? [];
    if (fence === undefined) continue;
    const isEnd = (line: string) => line.trim().startsWith(fence) && /^(`+|~+)$/.test(line.trim());
    const length = lines.slice(begin + 1).findIndex(isEnd);
    if (length === -1) throw new Error(`${file}:${begin + 1}: a code block that does not end`);
    const end = begin + 1 + length;
    const text = lines
      .slice(begin + 1, end)
      .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line));
    blocks.push({ words: info.trim().split(/\s+/), begin, end, text: text.join('\n') });
    begin = end;
  }
  return blocks;
}

/**
 * Compiles all samples, each as a module of its own, in one program with the settings of the repository.
 * Gives the errors of each, with the line they are on.
 */
export function compile(samples: readonly Sample[]): Map<Sample, string[]> {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: ['src/index.ts'] }, ts.sys, root);
  const modules = new Map(samples.map((sample) => [join(root, `${sample.file}.${sample.line}.mts`), sample]));

  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  host.fileExists = (path) => modules.has(path) || fileExists(path);
  host.readFile = (path) => {
    const sample = modules.get(path);
    return sample === undefined ? readFile(path) : moduleOf(sample);
  };

  const program = ts.createProgram([...modules.keys()], options, host);
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

/** The code as a module whose lines have the numbers they have in the documentation. */
function moduleOf({ line, code, importsForFree }: Sample): string {
  const padding = '\n'.repeat(Math.max(0, line - 2));
  return `${padding}${importsForFree ? importsFor(code) : ''}\n${code}\nexport {};\n`;
}

/** One line that imports all names of this package that the code does not declare or import by itself. */
function importsFor(code: string): string {
  const declared = declaredIn(code);
  return [...publicNames()]
    .map(([entryPoint, names]) => {
      const missing = names.filter((name) => !declared.has(name.replace('type ', '')));
      return `import { ${missing.join(', ')} } from '${entryPoint}';`;
    })
    .join(' ');
}

/** The names that a module declares or imports at its top level. */
function declaredIn(code: string): Set<string> {
  const names = new Set<string>();
  const add = (name: ts.BindingName | undefined): void => {
    if (name === undefined) return;
    if (ts.isIdentifier(name)) names.add(name.text);
    else for (const element of name.elements) if (ts.isBindingElement(element)) add(element.name);
  };
  for (const statement of ts.createSourceFile('sample.ts', code, ts.ScriptTarget.Latest).statements) {
    if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) add(name);
    } else if (ts.isImportDeclaration(statement)) {
      add(statement.importClause?.name);
      const bindings = statement.importClause?.namedBindings;
      if (bindings !== undefined && ts.isNamedImports(bindings)) for (const { name } of bindings.elements) add(name);
      if (bindings !== undefined && ts.isNamespaceImport(bindings)) add(bindings.name);
    } else if (
      ts.isFunctionDeclaration(statement) ||
      ts.isClassDeclaration(statement) ||
      ts.isInterfaceDeclaration(statement) ||
      ts.isTypeAliasDeclaration(statement)
    ) {
      add(statement.name);
    }
  }
  return names;
}

let known: Map<string, string[]> | undefined;

/** What each entry point exports, types as `type Name`; each name once, from the root where it has it. */
function publicNames(): Map<string, string[]> {
  if (known !== undefined) return known;
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: object };
  const taken = new Set<string>();
  known = new Map();
  for (const subpath of Object.keys(exports)) {
    if (subpath === './package.json') continue;
    const names = exportsOf(join(root, 'src', subpath, 'index.ts')).filter((name) => !taken.has(name));
    for (const name of names) taken.add(name);
    if (names.length > 0) known.set(subpath.replace('.', 'breakwater'), names);
  }
  return known;
}

/** Reads an index.ts, which does nothing but re-export (tests/package/house.test.ts). */
function exportsOf(index: string): string[] {
  const { statements } = ts.createSourceFile(index, readFileSync(index, 'utf8'), ts.ScriptTarget.Latest);
  return statements.filter(ts.isExportDeclaration).flatMap(({ exportClause, moduleSpecifier, isTypeOnly }) => {
    if (exportClause !== undefined && ts.isNamedExports(exportClause)) {
      return exportClause.elements.map((one) => `${isTypeOnly || one.isTypeOnly ? 'type ' : ''}${one.name.text}`);
    }
    const from = (moduleSpecifier as ts.StringLiteral).text.replace(/\.js$/, '.ts');
    return exportsOf(join(index, '..', from));
  });
}

const secondsToRun = 30;

/** Runs a sample in a process of its own. Gives what it prints; rejects when it fails. */
export async function run(sample: Sample): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-sample-'));
  const file = join(folder, `${basename(sample.file)}.mts`);
  try {
    writeFileSync(file, moduleOf(sample));
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules')); // some samples are of other packages
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', file], {
      cwd: root,
      env: { ...process.env, NO_COLOR: '1' },
      timeout: secondsToRun * 1000,
    });
    return stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The files below a folder that end like this, from the root of the repository. */
export function filesIn(folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(ending))
    .map((path) => `${folder}/${path}`)
    .sort();
}
