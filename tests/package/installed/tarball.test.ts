/** The files of the packed tarball. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { linksOf } from '../../docs/links.js';
import { filesIn } from '../../docs/samples.js';
import { entryPoints, manifest, root } from './entry-points.js';
import { emptyProject } from './install.js';
import { runNode } from './run.js';

let project = '';
let installed = '';

beforeAll(async () => {
  project = await emptyProject('module');
  installed = join(project, 'node_modules/breakwater');
});

/** The paths of all files in a folder, relative to it. */
const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => statSync(join(folder, path)).isFile());

describe('The tarball', () => {
  it('the tarball contains the listed files and folders only, without source maps', () => {
    const listed = ['package.json', 'README.md', 'LICENSE', ...manifest.files];
    const existing = listed.filter((name) => name === 'dist' || existsSync(new URL(name, root)));
    expect(readdirSync(installed).sort()).toEqual(existing.sort());
    for (const folder of ['src', 'docs', 'reference', 'examples']) expect(existing).toContain(folder);
    expect(filesOf(installed).filter((path) => path.endsWith('.map'))).toEqual([]);
  });

  it('the tarball has at most 750 files, 5.75 MB unpacked and 1.65 MB packed', () => {
    const files = filesOf(installed);
    expect(files.length).toBeLessThanOrEqual(750);
    expect(files.reduce((sum, path) => sum + statSync(join(installed, path)).size, 0)).toBeLessThanOrEqual(5_750_000);
    expect(statSync(inject('tarball')).size).toBeLessThanOrEqual(1_650_000);
  });

  it('each entry point has code and declarations for both module systems, and all other code is in chunks', () => {
    const names = entryPoints.map((name) => name.replace(/^breakwater\/?/, '') || 'index');
    const expected = names.flatMap((name) => ['.js', '.cjs', '.d.ts', '.d.cts'].map((ending) => name + ending));
    const files = filesOf(join(installed, 'dist')).filter((path) => !path.startsWith('chunks/'));
    expect(files.sort()).toEqual(expected.sort());
  });

  it.each(['.js', '.cjs'])('the %s files keep every mark of calls without side effects', (ending) => {
    const built = marksIn(join(inject('stage'), 'build'), '.js');
    expect(built.size).toBeGreaterThan(5);
    expect(marksIn(join(installed, 'dist'), ending)).toEqual(built);
  });

  it('the tarball contains every file that its README and documentation link to', () => {
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
    const printed = await runNode(project, '--import', pathToFileURL(tsx).href, example);
    const promised = /\/\* Prints, but for the milliseconds:\n(.*)\*\/\n$/s.exec(
      readFileSync(join(project, example), 'utf8'),
    )![1]!;
    expect(withoutTimes(printed)).toBe(withoutTimes(promised));
  });
});

/**
 * Counts the `@__PURE__` marks of all files by the call that they mark. Without them, bundlers keep code that is not
 * used. In CommonJS, the name of an import is a property of its module.
 */
function marksIn(folder: string, ending: string): Map<string, number> {
  const marks = new Map<string, number>();
  for (const path of filesOf(folder)
    .filter((name) => name.endsWith(ending))
    .sort()) {
    const code = readFileSync(join(folder, path), 'utf8');
    for (const [, call = ''] of code.matchAll(/\/\* @__PURE__ \*\/ ((?:new )?[\w$.]+)/g)) {
      const kind = call.replace(/^(?!Object|Promise|Symbol)[a-z]\w*\.(?=[a-z])/, '').replace(/\$\d+$/, '');
      marks.set(kind, (marks.get(kind) ?? 0) + 1);
    }
  }
  return marks;
}

/** Replaces times, which differ between runs. All other numbers are compared. */
const withoutTimes = (text: string): string => text.replace(/\b\d+ ms\b/g, '… ms');
