/**
 * The code in the documentation works. Every block marked `ts` in README.md and docs, and in the doc comments of src,
 * compiles. Samples in doc comments may omit the imports of this package, and all others must be complete. A block marked
 * `ts run` also runs, and prints exactly the block marked `text` that directly follows it, if there is one.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Build, build } from './build.js';
import { emptyExamples, filesIn, root, type Sample, samplesOfPage, samplesOfSource } from './samples.js';

const text = (file: string) => readFileSync(join(root, file), 'utf8');

const pages = ['README.md', ...filesIn('docs', '.md')];
const fromPages = pages.flatMap((file) => samplesOfPage(file, text(file)));
const sources = filesIn('src', '.ts');
const fromSources = sources.flatMap((file) => samplesOfSource(file, text(file)));

/** A page and a source file with errors, which show that the test can fail. */
const page = samplesOfPage(
  'page.md',
  `
1. A list

   \`\`\`ts run
   import { sleep } from 'breakwater';
   await sleep(0);
   console.log('slept');
   \`\`\`

   \`\`\`text
   slept
   \`\`\`

\`\`\`ts
import { retry } from 'breakwater';
retry({ maxAttempts: 'three' });
bulkhead({ maxConcurrent: 1 });
\`\`\`

Not directly after it:

\`\`\`text
nothing
\`\`\`

\`\`\`ts run
console.log('printed');
Promise.reject(new Error('nobody cares'));
\`\`\`

\`\`\`ts run
setInterval(() => {}, 1000);
\`\`\`
`,
);
const source = samplesOfSource(
  'source.ts',
  `
/**
 * \`\`\`
 * no code
 * \`\`\`
 * @example
 * \`\`\`ts
 * const clock: Clock = new TestClock();
 * const retry = (times: number) => times;
 * await timeout({ duration: '5s', clock }).execute(() => retry(3));
 * \`\`\`
 */
const code = \`
\\\`\\\`\\\`ts
\`;
  /**
   * @example
   * \`\`\`ts
   * await retry().execute(() => helper());
   * \`\`\`
   */
`,
);

let built: Build;
beforeAll(() => {
  built = build([...fromPages, ...fromSources, ...page, ...source]);
});
afterAll(() => built[Symbol.dispose]());

describe('The sample check', () => {
  it('the check finds code blocks, their lines and their expected output', () => {
    const found = (samples: Sample[]) => samples.map(({ line, runs, output }) => ({ line, runs, output }));
    expect(found(page)).toEqual([
      { line: 5, runs: true, output: 'slept' },
      { line: 15, runs: false, output: undefined },
      { line: 27, runs: true, output: undefined },
      { line: 32, runs: true, output: undefined },
    ]);
    expect(found(source)).toEqual([
      { line: 8, runs: false, output: undefined },
      { line: 19, runs: false, output: undefined },
    ]);
  });

  it('a page needs all imports, and a doc comment only those of other packages', () => {
    expect([page[0]!, page[1]!, ...source].map((sample) => built.errors.get(sample))).toEqual([
      [],
      [
        "page.md:16 TS2322: Type 'string' is not assignable to type 'number'.",
        "page.md:17 TS2304: Cannot find name 'bulkhead'.",
      ],
      [],
      ["source.ts:19 TS2304: Cannot find name 'helper'."],
    ]);
  });

  it('the check runs a sample and returns its output', async () => {
    expect(await built.run(page[0]!)).toBe('slept\n');
    await expect(built.run(page[1]!)).rejects.toThrow('"maxAttempts" must be an integer');
  });

  it('the check reports an unhandled rejection and an open timer with their lines', async () => {
    await expect(built.run(page[2]!)).rejects.toThrow(/^page\.md:27: exit code 1\n.*nobody cares.*page\.md:28:/s);
    await expect(built.run(page[3]!, 1)).rejects.toThrow('page.md:32: still running after 1 s');
  });

  it('the check finds samples in pages and in sources', () => {
    expect(fromPages).not.toEqual([]);
    expect(fromSources.length).toBeGreaterThanOrEqual(10);
  });
});

it('every @example has code', () => {
  const empty = sources.flatMap((file) => emptyExamples(text(file)).map((line) => `${file}:${line}`));
  expect(empty).toEqual([]);
});

const named = (samples: Sample[]) => samples.map((sample) => [`${sample.file}:${sample.line}`, sample] as const);

describe('Compilation', () => {
  it.each(named([...fromPages, ...fromSources]))('the sample %s compiles', (_, sample) => {
    expect(built.errors.get(sample)?.join('\n')).toBe('');
  });
});

// More processes would only slow each other down, and some samples have timers of a few milliseconds.
const atOnce = pLimit(2);

describe.concurrent('Execution', () => {
  it.each(named(fromPages.filter((sample) => sample.runs)))(
    'the sample %s runs and prints its output',
    async (_, sample) => {
      const printed = await atOnce(() => built.run(sample));
      if (sample.output !== undefined) expect(printed.trimEnd()).toBe(sample.output);
    },
  );
});
