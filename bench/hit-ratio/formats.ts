import type { Key } from './trace.js';

/** How keys are written down, one record after the other. */
export interface Format {
  readonly about: string;
  /** How many of these bytes are whole records. */
  whole(bytes: Buffer): number;
  /** The keys of whole records. At the end of a file they may be cut short. */
  keys(bytes: Buffer): Iterable<Key>;
}

const NEWLINE = 0x0a;

function* lines(bytes: Buffer): Generator<string> {
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline === -1 ? bytes.length : newline;
    // Decoded line by line: a slice of one long string would keep all of it.
    const line = bytes.toString('utf8', start, end).trim();
    if (line !== '') yield line;
    start = end + 1;
  }
}

/** A line is a record. */
const text = (about: string, keyOf: (line: string) => Key | undefined): Format => ({
  about,
  whole: (bytes) => bytes.lastIndexOf(NEWLINE) + 1,
  *keys(bytes) {
    for (const line of lines(bytes)) {
      const key = keyOf(line);
      if (key !== undefined) yield key;
    }
  },
});

/** So many bytes are a record. */
const binary = (about: string, width: number, keyAt: (bytes: Buffer, at: number) => Key): Format => ({
  about,
  whole: ({ length }) => length - (length % width),
  *keys(bytes) {
    for (let at = 0; at < bytes.length; at += width) {
      if (at + width > bytes.length) throw new RangeError(`the last record has fewer than ${width} bytes`);
      yield keyAt(bytes, at);
    }
  },
});

const ADDRESS = /^\S+ 0x([0-9a-f]+)\b/i;

function addressOf(line: string): Key {
  const digits = ADDRESS.exec(line)?.[1];
  if (digits === undefined) throw new SyntaxError(`not an operation and an address: "${line}"`);
  return Number.parseInt(digits, 16);
}

/** Above 2^53 as digits: as a number, one key would be another. */
function int64At(bytes: Buffer, at: number): Key {
  const number = bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
  return Number.isSafeInteger(number) ? number : String(bytes.readBigInt64BE(at));
}

export const formats = {
  lines: text('one key a line', (line) => line),
  lirs: text('one key a line, where * is none', (line) => (line === '*' ? undefined : line)),
  address: text('an operation and an address a line: l 0x1fffff50 1', addressOf),
  int32: binary('32-bit integers, big-endian', 4, (bytes, at) => bytes.readInt32BE(at)),
  int64: binary('64-bit integers, big-endian', 8, int64At),
} satisfies Record<string, Format>;

export type FormatName = keyof typeof formats;

/** By what the logs of known collections are called, and how they begin. */
export function guessFormat(fileName: string, beginning: Buffer): FormatName {
  const isText = !beginning.some((byte) => byte < 0x20 && !'\t\n\r'.includes(String.fromCharCode(byte)));
  if (isText) {
    const [first = ''] = lines(beginning);
    if (ADDRESS.test(first)) return 'address';
    return /^lirs_/.test(fileName) ? 'lirs' : 'lines';
  }
  if (/corda|scarab/.test(fileName)) return 'int64';
  if (/cache2k/.test(fileName)) return 'int32';
  throw new Error('this is no text; say how wide its integers are, with --format int32 or --format int64');
}
