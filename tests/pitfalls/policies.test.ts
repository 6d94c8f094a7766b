/** The lists of the research whose rows the tests of this folder are named after. Is each of them here? */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const upTo = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);

interface List {
  readonly files: RegExp;
  readonly prefix: string;
  readonly numbers: readonly number[];
  /** Rows of which nothing can be tested, and why. */
  readonly notApplicable: Readonly<Record<number, string>>;
  /** Rows of which only a part can be tested, and why. */
  readonly inPart: Readonly<Record<number, string>>;
}

const lists: Record<string, List> = {
  'section 6 of the policies research': {
    files: /^policies[.-]/,
    prefix: '',
    numbers: upTo(1, 47),
    notApplicable: {},
    inPart: {
      38: 'There is no hedging: what holds for its budget is tested on that of retries.',
      41: 'There is no hedging: the losers are those of timeouts and aborts.',
    },
  },
  'section 4 of the reliability research': {
    files: /^faults[.-]/,
    prefix: 'F',
    numbers: [...upTo(28, 33), ...upTo(39, 47)],
    notApplicable: {},
    inPart: {
      28: 'Shared stores are not there yet; how caches take time is in tests/cache/expiry.test.ts.',
      29: 'The token bucket is not there yet.',
      40: 'Nobody waits in the half-open state: who is not let in is refused.',
    },
  },
  'the bad inputs of the reliability research': {
    files: /^bad-/,
    prefix: '',
    numbers: [...upTo(1, 57), ...upTo(97, 100)],
    notApplicable: {},
    inPart: {
      27: 'There is no limiter: the windows of breakers and budgets are tested.',
      31: 'Here the timeout of one call is what is given per call; the ttl of one entry is in tests/cache/expiry.test.ts.',
      53: 'The buckets of a time window are not an option: the calls of a count window are.',
    },
  },
  'section 3b of the caches research': {
    files: /^caches[.-]/,
    prefix: 'B',
    numbers: upTo(1, 14),
    notApplicable: { 13: 'loading', 14: 'loading' },
    inPart: {},
  },
  'section 5 of the caches research': {
    files: /^caches[.-]/,
    prefix: 'C',
    numbers: upTo(1, 13),
    notApplicable: { 1: 'loading', 2: 'loading', 3: 'loading', 4: 'loading', 11: 'tiers', 13: 'refreshing' },
    inPart: {},
  },
};

const folder = fileURLToPath(new URL('.', import.meta.url));

/** The names of all tests and groups in a file, as far as they are written out. */
function namesIn(file: string): string[] {
  const names: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node)) {
      const [name] = node.arguments;
      const isTest = /^(it|describe)\b/.test(node.expression.getText());
      if (isTest && name !== undefined && ts.isStringLiteralLike(name)) names.push(name.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, readFileSync(folder + file, 'utf8'), ts.ScriptTarget.ES2022, true));
  return names;
}

describe.each(Object.entries(lists))('%s', (_name, { files, prefix, numbers, notApplicable, inPart }) => {
  const pattern = new RegExp(`^${prefix}(\\d+)(?:, ${prefix}(\\d+))?:`);
  const tested = new Set(
    readdirSync(folder)
      .filter((file) => files.test(file))
      .flatMap(namesIn)
      .flatMap((name) => pattern.exec(name)?.slice(1) ?? [])
      .filter(Boolean)
      .map(Number),
  );

  it('has a test for each of its rows, but for those that do not apply', () => {
    const missing = numbers.filter((number) => !tested.has(number));
    expect(missing).toEqual(Object.keys(notApplicable).map(Number));
    for (const number of Object.keys(inPart).map(Number)) expect(tested).toContain(number);
  });
});
