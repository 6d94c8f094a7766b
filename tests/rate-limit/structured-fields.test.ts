import fc from 'fast-check';
import * as peer from 'structured-headers';
import { describe, expect, it } from 'vitest';
import {
  type BareItem,
  fieldString,
  parseFieldDictionary,
  parseFieldList,
} from '../../src/http-fields/structured-fields.js';
import { runs } from '../support/runs.js';

/** The result of the library in plain values, or undefined if it throws. */
function resultOf<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

function plain(value: peer.BareItem): unknown {
  if (value instanceof peer.Token) return `token ${value}`;
  if (value instanceof peer.DisplayString) return `display ${value}`;
  if (value instanceof ArrayBuffer) return `bytes ${Buffer.from(value).toString('base64')}`;
  return typeof value === 'number' ? value + 0 : value;
}

function ours({ type, value }: BareItem): unknown {
  if (type === 'token') return `token ${value}`;
  if (type === 'display') return `display ${value}`;
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
  const list = resultOf(() => peer.parseList(text));
  return list === undefined || hasInnerList(list) ? undefined : (list as peer.Item[]).map(plainItem);
}

function dictionaryOf(text: string): unknown {
  const dictionary = resultOf(() => peer.parseDictionary(text));
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

/**
 * Snippets whose concatenation is often a valid or almost valid field. They contain no dates, since the library expects
 * the end of the field after a date.
 */
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
  ...[
    '%"%ff"',
    '%"%ed%a0%80"',
    '%"%f0%9f%98%80"',
    '%"%C3%a9"',
    '%"%c3"',
    '%"%"',
    ':a:',
    ':=:',
    ':aGk:',
    ':aGk==:',
    ':aaaa=:',
  ],
  ...['(', ')', 'é', '\u007f', '-', 'A', '%"'],
);
const field = fc.array(snippet, { maxLength: 12 }).map((parts) => parts.join(''));

/** Valid lists. */
const good = fc
  .array(
    fc.tuple(fc.constantFrom('"a"', 'tok', '5', ':aGk=:'), fc.array(fc.constantFrom(';r=1', '; t=2', ';x', ';y="z"'))),
  )
  .map((members) => members.map(([item, parameters]) => item + parameters.join('')).join(', '));

describe('structured fields compared with the library structured-headers', () => {
  const same = (ourParse: (text: string) => unknown, theirParse: (text: string) => unknown) => (text: string) => {
    expect(ourParse(text), JSON.stringify(text)).toEqual(theirParse(text));
  };

  it('Lists are parsed as by the library', () => {
    fc.assert(fc.property(fc.oneof(field, good), same(ourList, listOf)), { numRuns: runs(20_000) });
  });

  it('Dictionaries are parsed as by the library', () => {
    const pairs = good.map((text) => text.replaceAll(/(^|, )/g, '$1k='));
    fc.assert(fc.property(fc.oneof(field, good, pairs), same(ourDictionary, dictionaryOf)), { numRuns: runs(20_000) });
  });

  it('Strings are serialized as by the library and parsed back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const serialized = fieldString(text);
        expect(serialized).toBe(resultOf(() => peer.serializeItem(text)));
        if (serialized !== undefined)
          expect(parseFieldList(serialized)).toMatchObject([{ type: 'string', value: text }]);
      }),
      { numRuns: runs(2000) },
    );
  });

  it('Dates are parsed and malformed dates are rejected', () => {
    expect(parseFieldList('@1700000000, @-1;a')).toMatchObject([
      { type: 'date', value: '@1700000000' },
      { value: '@-1' },
    ]);
    for (const text of ['@', '@1.5', '@a', '@ 1']) expect(parseFieldList(text)).toBeUndefined();
  });
});

/** RFC 9651, section 4.2, case by case: the value, or undefined if parsing fails. */
describe('RFC 9651, 4.2', () => {
  it.each<[section: string, text: string, values: unknown[] | undefined]>([
    ['4.2 an empty field is an empty list', '', []],
    ['4.2 surrounding spaces are removed', '  1  ', [1]],
    ['4.2 a tab at the start fails', '\t1', undefined],
    ['4.2 a character outside ASCII fails', '"é"', undefined],
    ['4.2.1 tabs and spaces around commas are ignored', '1 \t,\t 2', [1, 2]],
    ['4.2.1 a comma at the end fails', '1,', undefined],
    ['4.2.1 a comma and a space at the end fail', '1, ', undefined],
    ['4.2.1 two commas fail', '1,,2', undefined],
    ['4.2.1 text after an item fails', '1 2', undefined],
    ['4.2.1 an empty member at the start fails', ',1', undefined],
    ['4.2.3.2 a space before a semicolon fails', '1 ;a', undefined],
    ['4.2.3.2 a tab behind a semicolon fails', '1;\ta', undefined],
    ['4.2.3.2 spaces around an equals sign fail', '1;a =1', undefined],
    ['4.2.3.3 keys are lower case', '1;A=1', undefined],
    ['4.2.3.3 keys begin with a letter or an asterisk', '1;9=1', undefined],
    ['4.2.3.3 keys may begin with an asterisk', '1;*a-._*9=1', [1]],
    ['4.2.4 15 digits are valid', '-999999999999999', [-999_999_999_999_999]],
    ['4.2.4 16 digits fail', '1000000000000000', undefined],
    ['4.2.4 a sign alone fails', '-', undefined],
    ['4.2.4 a plus sign fails', '+1', undefined],
    ['4.2.4 leading zeros are valid', '-0042', [-42]],
    ['4.2.4 12 digits before the point and 3 after it are valid', '123456789012.123', [123_456_789_012.123]],
    ['4.2.4 13 digits before the point fail', '1234567890123.1', undefined],
    ['4.2.4 4 digits after the point fail', '1.1234', undefined],
    ['4.2.4 a point without digits after it fails', '1.', undefined],
    ['4.2.4 a point without digits before it fails', '.1', undefined],
    ['4.2.5 escapes are resolved', '"a\\"b\\\\"', ['a"b\\']],
    ['4.2.5 other escapes fail', '"\\n"', undefined],
    ['4.2.5 a string without an end fails', '"a', undefined],
    ['4.2.5 a tab in a string fails', '"\t"', undefined],
    ['4.2.5 DEL in a string fails', '"\x7f"', undefined],
    ['4.2.6 a token may contain these characters', "*a/:!#$%&'*+-.^_`|~9", ["*a/:!#$%&'*+-.^_`|~9"]],
    ['4.2.7 bytes are valid', ':aGk=:', ['aGk=']],
    ['4.2.7 bytes without padding are valid', ':aGk:', ['aGk']],
    ['4.2.7 an empty byte sequence is valid', '::', ['']],
    ['4.2.7 pad bits that are not zero are valid', ':aGl=:', ['aGl=']],
    ['4.2.7 text that is not base64 fails', ':a:', undefined],
    ['4.2.7 superfluous padding fails', ':aaaa=:', undefined],
    ['4.2.7 too much padding fails', ':aGk==:', undefined],
    ['4.2.7 the other base64 alphabet fails', ':a-_b:', undefined],
    ['4.2.8 booleans are valid', '?1, ?0', [true, false]],
    ['4.2.8 other booleans fail', '?2', undefined],
    ['4.2.9 dates are valid', '@1659578233, @-1', ['@1659578233', '@-1']],
    ['4.2.9 a date with a fraction fails', '@1659578233.12', undefined],
    ['4.2.9 a date of 16 digits fails', '@1000000000000000', undefined],
    ['4.2.10 display strings are decoded', '%"f%c3%bc%c3%bc %22x%22 100%25"', ['füü "x" 100%']],
    ['4.2.10 a character of four bytes is decoded', '%"%f0%9f%98%80"', ['😀']],
    ['4.2.10 upper-case hexadecimal fails', '%"%C3%BC"', undefined],
    ['4.2.10 an incomplete character fails', '%"%c3"', undefined],
    ['4.2.10 a byte that is never UTF-8 fails', '%"%ff"', undefined],
    ['4.2.10 a surrogate fails', '%"%ed%a0%80"', undefined],
    ['4.2.10 an overlong form fails', '%"%c0%af"', undefined],
    ['4.2.10 a code point beyond Unicode fails', '%"%f4%90%80%80"', undefined],
    ['4.2.10 a single hexadecimal digit fails', '%"%a"', undefined],
    ['4.2.10 a display string without an end fails', '%"a', undefined],
  ])('Section %s: %j', (_section, text, values) => {
    expect(parseFieldList(text)?.map(({ value }) => value)).toEqual(values);
    if (!text.includes('@')) expect(ourList(text)).toEqual(listOf(text));
  });

  it('Sections 4.2.2 and 4.2.3.2: of two members or parameters with one key the last one is used', () => {
    expect(parseFieldDictionary('a=1;x, b;y=2, a=3;x;x=4')?.get('a')).toMatchObject({ value: 3 });
    expect(parseFieldList('1;x=1;y;x=2')?.[0]?.parameters.get('x')?.value).toBe(2);
  });

  it('Section 4.2.10: a parameter that is not valid UTF-8 invalidates the whole field', () => {
    expect(parseFieldList('"a";r=1;x=%"%ff"')).toBeUndefined();
    expect(parseFieldDictionary('limit=1, remaining=0, reset=5;x=%"%ff"')).toBeUndefined();
  });
});
