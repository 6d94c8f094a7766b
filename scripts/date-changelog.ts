/** Adds today's date to the newest heading of CHANGELOG.md, and removes commit hashes, which changesets writes for no reader. */
import { readFileSync, writeFileSync } from 'node:fs';

const file = new URL('../CHANGELOG.md', import.meta.url);
const today = new Date().toISOString().slice(0, 10);
const text = readFileSync(file, 'utf8')
  .replace(/^## (\d+\.\d+\.\d+)$/m, `## $1 (${today})`)
  .replace(/^- [0-9a-f]{7}: /gm, '- ');
writeFileSync(file, text);
