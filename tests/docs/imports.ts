/** The names of this package that the code in a doc comment need not import. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { root } from './samples.js';

/** One line that imports all names of this package that the code does not declare or import by itself. */
export function importsFor(code: string): string {
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

/** The exports of each entry point, types as `type Name`. Each name occurs once, from the root if it is exported there. */
function publicNames(): Map<string, string[]> {
  if (known !== undefined) return known;
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: object };
  const taken = new Set<string>();
  known = new Map();
  for (const subpath of Object.keys(exports)) {
    if (subpath === './package.json') continue;
    const exported = new Set(exportsOf(join(root, 'src', subpath, 'index.ts')));
    const names = [...exported].filter((name) => !taken.has(name));
    for (const name of names) taken.add(name);
    if (names.length > 0) known.set(subpath.replace('.', 'breakwater'), names);
  }
  return known;
}

/** Reads an index.ts, which does nothing but re-export (tests/package/architecture.test.ts). */
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
