/**
 * Inserts the files of `reference` into the pages of `docs/patterns`: `npm run docs:reference`. A page names a file by two
 * comments, `<!-- reference: lru-cache -->` and `<!-- /reference -->`; the code between them is replaced.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { insertReferences } from './reference-blocks.js';

const root = new URL('../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

for (const name of readdirSync(new URL('docs/patterns/', root))) {
  const path = `docs/patterns/${name}`;
  const before = read(path);
  const after = insertReferences(before, (reference) => read(`reference/${reference}.ts`));
  if (after === before) continue;
  writeFileSync(new URL(path, root), after);
  console.log(path);
}
