import fc from 'fast-check';
import * as peer from 'structured-headers';
import { describe, expect, it } from 'vitest';
import {
  type BareItem,
  fieldString,
  parseFieldDictionary,
  parseFieldList,
} from '../../src/rate-limit/structured-fields.js';
import { runs } from '../support/runs.js';

/** What the library gives, in our words; undefined where it throws, or finds an inner list. */
function inOurWords<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

function plain(value: peer.BareItem): unknown {
  if (value instanceof peer.Token) return `token ${value}`;
  if (value instanceof peer.DisplayString) return 'display';
  if (value instanceof ArrayBuffer) return `bytes ${Buffer.from(value).toString('base64')}`;
  return typeof value === 'number' ? value + 0 : value;
}

function ours({ type, value }: BareItem): unknown {
  if (type === 'token') return `token ${value}`;
  if (type === 'display') return 'display';
  if (type === 'bytes') return `bytes ${Buffer.from(String(value), 'base64').toString('base64')}`;
  return value;
}

const plainItem = ([value, parameters]: peer.Item) => [
  plain(value),
  [...parameters].map(([key, one]) => [key, plain(one)]),
];
const hasInnerList = (members: Iterable<peer.Item | peer.InnerList>) =>
  [...members].some(([value]) => Array.isArray(value));

function listOf(text: string): unknown {
  const list = inOurWords(() => peer.parseList(text));
  return list === undefined || hasInnerList(list) ? undefined : (list as peer.Item[]).map(plainItem);
}

function dictionaryOf(text: string): unknown {
  const dictionary = inOurWords(() => peer.parseDictionary(text));
  if (dictionary === undefined || hasInnerList(dictionary.values())) return undefined;
  return [...dictionary].map(([key, item]) => [key, plainItem(item as peer.Item)]);
}

const ourItem = (item: BareItem & { readonly parameters: ReadonlyMap<string, BareItem> }) => [
  ours(item),
  [...item.parameters].map(([key, one]) => [key, ours(one)]),
];
const ourList = (text: string) => parseFieldList(text)?.map(ourItem);
const ourDictionary = (text: string) => {
  const members = parseFieldDictionary(text);
  return members && [...members].map(([key, item]) => [key, ourItem(item)]);
};

/** Snippets that together are often a field and often almost one. No dates: after one the library wants the end. */
const snippet = fc.constantFrom(
  ...[
    '"a"',
    '"b\\"c\\\\"',
    '"',
    '\\',
    '"\\x"',
    'tok',
    '*t/:x',
    'a',
    'r',
    'w2',
    '=',
    ';',
    '; ',
    ',',
    ', ',
    ' ,\t',
    ' ',
    '\t',
  ],
  ...['1', '-1', '-0', '007', '999999999999999', '9999999999999999', '1.5', '1.', '.5', '1.2345', '123456789012.123'],
  ...['1234567890123.1', ':aGk=:', '::', ':%:', '?1', '?0', '?2', '%"x%c3%a9"', '%"%C3"'],
  ...['(', ')', 'é', '\u007f', '-', 'A', '%"'],
);
const field = fc.array(snippet, { maxLength: 12 }).map((parts) => parts.join(''));

/** Made to be right. */
const good = fc
  .array(
    fc.tuple(fc.constantFrom('"a"', 'tok', '5', ':aGk=:'), fc.array(fc.constantFrom(';r=1', '; t=2', ';x', ';y="z"'))),
  )
  .map((members) => members.map(([item, parameters]) => item + parameters.join('')).join(', '));

describe('structured fields, against the library structured-headers', () => {
  const same = (ourParse: (text: string) => unknown, theirParse: (text: string) => unknown) => (text: string) => {
    expect(ourParse(text), JSON.stringify(text)).toEqual(theirParse(text));
  };

  it('lists', () => {
    fc.assert(fc.property(fc.oneof(field, good), same(ourList, listOf)), { numRuns: runs(20_000) });
  });

  it('dictionaries', () => {
    const pairs = good.map((text) => text.replaceAll(/(^|, )/g, '$1k='));
    fc.assert(fc.property(fc.oneof(field, good, pairs), same(ourDictionary, dictionaryOf)), { numRuns: runs(20_000) });
  });

  it('strings', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const serialized = fieldString(text);
        expect(serialized).toBe(inOurWords(() => peer.serializeItem(text)));
        if (serialized !== undefined)
          expect(parseFieldList(serialized)).toMatchObject([{ type: 'string', value: text }]);
      }),
      { numRuns: runs(2000) },
    );
  });

  it('dates', () => {
    expect(parseFieldList('@1700000000, @-1;a')).toMatchObject([
      { type: 'date', value: '@1700000000' },
      { value: '@-1' },
    ]);
    for (const text of ['@', '@1.5', '@a', '@ 1']) expect(parseFieldList(text)).toBeUndefined();
  });
});
