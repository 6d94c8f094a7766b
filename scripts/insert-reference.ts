/**
 * Inserts the files of `reference` and the programs of `tests/clients/programs` into the pages of `docs`:
 * `npm run docs:reference`. A page names a file by two comments, `<!-- reference: lru-cache -->` and
 * `<!-- /reference -->`, or with `program` instead of `reference`; the code between them is replaced.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { insertReferences } from './reference-blocks.js';

const root = new URL('../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const folders = { reference: 'reference', program: 'tests/clients/programs' } as const;

for (const name of readdirSync(new URL('docs/', root), { recursive: true, encoding: 'utf8' })) {
  if (!name.endsWith('.md')) continue;
  const path = `docs/${name}`;
  const before = read(path);
  const after = insertReferences(before, (file, kind) => read(`${folders[kind]}/${file}.ts`));
  if (after === before) continue;
  writeFileSync(new URL(path, root), after);
  console.log(path);
}
