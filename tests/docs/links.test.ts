/** Every relative link of the documentation points to a file of the repository, and every anchor to a heading in the file. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { anchorsOf, linksOf } from './links.js';
import { filesIn, root } from './samples.js';

const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'tests/README.md'],
  ...filesIn('docs', '.md'),
];
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** The broken links of a page, as `line: target`. */
function brokenLinksOf(file: string, page: string): string[] {
  return linksOf(page)
    .filter(({ target }) => {
      const [path = '', anchor] = decodeURI(target).split('#');
      const to = path === '' ? file : relative(root, join(root, dirname(file), path));
      if (to.startsWith('..') || !existsSync(join(root, to))) return true;
      if (anchor === undefined || !to.endsWith('.md')) return false;
      return !anchorsOf(to === file ? page : read(to)).has(anchor);
    })
    .map(({ line, target }) => `${line}: ${target}`);
}

describe('The link check', () => {
  it('the check finds broken files, headings, references and images, and ignores code', () => {
    const page = `# One \`two\`: three & [four](README.md)
## One
## One
[a](nowhere.md) [b](#one-1 "title") [c](#one-2) [d](README.md#nowhere) [e](#one-two-three--four)
![f](picture.png) \`[g](code.md)\` [h][i] [j](https://example.com/#x)
[![k](badge.svg)](nothing.md)

[i]: missing.md

\`\`\`md
# Code
[l](code.md)
\`\`\`
[m](#code) <a id="named"></a> [n](#named) [o](../outside.md)
`;
    expect(brokenLinksOf('README.md', page)).toEqual([
      ...['4: nowhere.md', '4: #one-2', '4: README.md#nowhere', '5: picture.png', '6: badge.svg', '6: nothing.md'],
      ...['8: missing.md', '14: #code', '14: ../outside.md'],
    ]);
  });
});

describe('The documentation', () => {
  it.each(pages)('every link of %s points to a file and a heading', (file) => {
    expect(brokenLinksOf(file, read(file))).toEqual([]);
  });
});
