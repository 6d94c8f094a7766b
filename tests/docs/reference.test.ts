/**
 * The files of `reference` are short, have no imports and are shown unchanged on the page of their pattern. The programs
 * of `tests/clients/programs` are shown unchanged on the page about clients.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { insertReferences, referencesOf } from '../../scripts/reference-blocks.js';
import { filesIn, root } from './samples.js';

const text = (file: string) => readFileSync(join(root, file), 'utf8');
const files = filesIn('reference', '.ts');
const pages = filesIn('docs/patterns', '.md');
const pageOf = new Map(pages.flatMap((page) => referencesOf(text(page)).map((name) => [name, page])));

/** The most lines of files that may have more than 60. */
const LONGER: Readonly<Record<string, number>> = { 'tiny-lfu-cache': 100, 'adaptive-limit': 80 };

describe.each(files)('%s', (file) => {
  const name = file.slice('reference/'.length, -'.ts'.length);

  it('the file has at most 60 lines, or 100 for TinyLFU and 80 for the adaptive limit, and no imports', () => {
    const lines = text(file).trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(LONGER[name] ?? 60);
    expect(lines.filter((line) => line.startsWith('import'))).toEqual([]);
  });

  it('the file is on a page of docs/patterns and in reference/README.md and has a property test', () => {
    expect([...pageOf.keys()]).toContain(name);
    expect(text('reference/README.md')).toContain(`(${name}.ts)`);
    expect(filesIn('tests/reference', '.property.test.ts')).toContain(`tests/reference/${name}.property.test.ts`);
  });
});

it.each([...new Set(pageOf.values())])('%s shows its reference files unchanged (npm run docs:reference)', (page) => {
  expect(text(page)).toBe(insertReferences(text(page), (name) => text(`reference/${name}.ts`)));
});

describe('docs/guard-your-client.md', () => {
  const page = text('docs/guard-your-client.md');
  const shown = referencesOf(page, 'program');

  it('the page shows each program of tests/clients/programs once, and no other one', () => {
    const programs = filesIn('tests/clients/programs', '.ts');
    expect(shown.map((name) => `tests/clients/programs/${name}.ts`).sort()).toEqual(programs);
    expect(page.split('```ts program').length - 1).toBe(programs.length);
  });

  it('the page shows the programs unchanged (npm run docs:reference)', () => {
    expect(page).toBe(insertReferences(page, (name) => text(`tests/clients/programs/${name}.ts`)));
  });
});

it('insertReferences replaces only the text between the two comments', () => {
  const page =
    'before\n<!-- reference: lru-cache -->\nold\n<!-- /reference -->\nafter\n<!-- reference: x -->\n<!-- /reference -->\n';
  expect(insertReferences(page, (name) => `const name = '$1 ${name}';\n`)).toBe(
    [
      ...['before', '<!-- reference: lru-cache -->', '', '```ts', "const name = '$1 lru-cache';", '```', ''],
      ...['<!-- /reference -->', 'after', '<!-- reference: x -->', '', '```ts', "const name = '$1 x';", '```', ''],
      ...['<!-- /reference -->', ''],
    ].join('\n'),
  );
  expect(referencesOf(page)).toEqual(['lru-cache', 'x']);
});
