/** Prose uses standard terms and subjects with a name: none of the words of `AVOIDED` is in comments or pages. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesIn, root } from './samples.js';
import { type Finding, wordsInPage, wordsInSource } from './words.js';

/** Files, and folders with all that is in them, whose prose is not revised yet. The list only gets shorter. */
const notYetClean: readonly string[] = [];

const isNotYetClean = (file: string) => notYetClean.some((path) => file === path || file.startsWith(`${path}/`));

const folders = ['src', 'examples', 'reference'].filter((folder) => existsSync(join(root, folder)));
const sources = folders.flatMap((folder) => filesIn(folder, '.ts'));
const pages = ['README.md', ...filesIn('docs', '.md')];

function findingsIn(file: string): Finding[] {
  const text = readFileSync(join(root, file), 'utf8');
  return file.endsWith('.md') ? wordsInPage(file, text) : wordsInSource(file, text);
}

const wordsOf = (findings: readonly Finding[]) => findings.map(({ line, word }) => `${line}: ${word}`);

describe('The prose check', () => {
  it('the check reports the line and the word in each kind of comment, and nothing in code, strings and links', () => {
    const source = `/**
 * Gives what nobody
 * has told it, so
 * much is {@link gives} \`told\`.
 * @param his the value
 */
const stands = 'somebody' + \`\${/* anew */ tells} whoever\`; // by hand
const regex = /[/*] nobody/;


/* likewise */ stand(he);`;
    expect(wordsOf(wordsInSource('a.ts', source))).toEqual([
      ...['2: gives', '2: nobody', '3: told', '3: so much', '7: anew', '7: by hand', '11: likewise'],
    ]);
  });

  it('the check reports prose and comments of samples on a page, and nothing in code, inline code and addresses', () => {
    const page = `# Nobody
It [stands](https://nobody.test/told) \`told\` and so many.

\`\`\`ts run
const told = 1; // whoever
\`\`\`

\`\`\`text
told
\`\`\`
- those
  who
`;
    expect(wordsOf(wordsInPage('a.md', page))).toEqual([
      ...['1: nobody', '2: stands', '2: so many', '5: whoever', '11: those who'],
    ]);
  });

  it('the check ignores ordinary uses of the words', () => {
    const text = 'It gives up, D stands for DPoP, a stand-alone page, so much longer, so many that it ends, standard.';
    expect(wordsInPage('a.md', text)).toEqual([]);
  });

  it('notYetClean contains only paths that exist', () => {
    expect(notYetClean.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});

describe('Prose', () => {
  it('comments and pages contain none of the avoided words', () => {
    const found = [...pages, ...sources].filter((file) => !isNotYetClean(file)).flatMap(findingsIn);
    expect(found.map(({ file, line, word, instead }) => `${file}:${line} "${word}", use: ${instead}`)).toEqual([]);
  });
});
