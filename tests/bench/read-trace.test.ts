import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { type FormatName, formats } from '../../bench/hit-ratio/formats.js';
import { type ReadOptions, readTrace } from '../../bench/hit-ratio/read-trace.js';
import type { Trace } from '../../bench/hit-ratio/trace.js';
import { runs } from '../support/runs.js';

const keysOf = ({ requests, keys }: Trace) => Array.from(requests, (number) => keys[number]);

/** The xz-compressed form of three lines: a, b, b. */
const XZ = '/Td6WFoAAAFpIt42AgAhARwAAAAQz1jMAQAFYQpiCmIKAAAAmD98EwABGgbF6sh5kEKZDQEAAAAAAVla';

describe('Reading a trace', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hit-ratio-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  const write = (name: string, contents: string | Uint8Array): string => {
    const file = join(folder, name);
    writeFileSync(file, contents);
    return file;
  };
  const read = async (name: string, contents: string | Uint8Array, options?: ReadOptions) =>
    keysOf(await readTrace(write(name, contents), options));
  const bigEndian = (width: 4 | 8, numbers: readonly bigint[]): Buffer =>
    Buffer.concat(
      numbers.map((number) =>
        Buffer.from(
          BigInt.asUintN(8 * width, number)
            .toString(16)
            .padStart(2 * width, '0'),
          'hex',
        ),
      ),
    );

  it('a text trace has one key per line with any line ending', async () => {
    expect(await read('own.log', 'user 1\r\n\nuser 2\nuser 1\n*')).toEqual(['user 1', 'user 2', 'user 1', '*']);
  });

  it('a lirs trace is read without its marks', async () => {
    expect(await read('lirs_x.trace', '1\n*\n2\n1\n')).toEqual(['1', '2', '1']);
    expect(await read('x.log', '1\n*\n', { format: 'lirs' })).toEqual(['1']);
  });

  it('an address trace is read as addresses', async () => {
    expect(await read('x.log', 's 0x1fffff50 1\nl 0x1FFFFF58 0\nl 0xfedcba9876 1\n')).toEqual([
      0x1fffff50, 0x1fffff58, 0xfedcba9876,
    ]);
    await expect(read('y.log', 's 0x10 1\nnothing\n')).rejects.toThrow(
      /y\.log: not an operation and an address: "nothing"/,
    );
  });

  it('traces of 32-bit and 64-bit integers are read without collisions', async () => {
    expect(await read('cache2k_x.trace', bigEndian(4, [0n, 1n, 0xb8000001n]))).toEqual([0, 1, 0xb8000001 | 0]);
    const large = [1n, 2n ** 32n, -1n, 2n ** 62n, 2n ** 62n + 1n, 2n ** 53n - 1n];
    expect((await read('corda_x', bigEndian(8, large))).map(String)).toEqual(large.map(String));
    await expect(read('z.log', bigEndian(4, [1n]))).rejects.toThrow(/--format int32 or --format int64/);
    expect(await read('z.log', bigEndian(4, [1n]), { format: 'int32' })).toEqual([1]);
    await expect(read('corda_y', new Uint8Array(9))).rejects.toThrow(/the last record has fewer than 8 bytes/);
  });

  it.each(Object.keys(formats) as FormatName[])(
    'the format %s can be read in two parts that are cut at any byte',
    (name) => {
      const format = formats[name];
      const numbers = fc.array(fc.nat(2 ** 31 - 1), { minLength: 1, maxLength: 20 });
      fc.assert(
        fc.property(numbers, fc.double({ min: 0, max: 1, noNaN: true }), (numbers, share) => {
          const lines = numbers.map((number) => (name === 'address' ? `l 0x${number.toString(16)} 1` : `ü${number}`));
          const bytes = name.startsWith('int')
            ? bigEndian(name === 'int64' ? 8 : 4, numbers.map(BigInt))
            : Buffer.from(lines.join('\n'));
          const end = format.whole(bytes.subarray(0, Math.round(share * bytes.length)));
          const inTwo = [...format.keys(bytes.subarray(0, end)), ...format.keys(bytes.subarray(end))];
          expect(inTwo.map((key) => Number(String(key).replace('ü', '')))).toEqual(numbers);
        }),
        { numRuns: runs(100) },
      );
    },
  );

  it('a long trace is read in many parts', async () => {
    const numbers = Array.from({ length: 50_000 }, (_, i) => (i * 7_919) % 65_521);
    expect((await read('long.log', numbers.join('\n'))).map(Number)).toEqual(numbers);
    expect((await read('long.log.gz', gzipSync(numbers.join('\n')))).map(Number)).toEqual(numbers);
  });

  it('gz and xz files are read with the gzip and xz programs', async ({ skip }) => {
    expect(await read('a.log.gz', gzipSync('a\nb\na\n'))).toEqual(['a', 'b', 'a']);
    try {
      const trace = await readTrace(write('b.log.xz', Buffer.from(XZ, 'base64')));
      expect(trace.name).toBe('b.log');
      expect(keysOf(trace)).toEqual(['a', 'b', 'b']);
    } catch (error) {
      if (/not installed/.test(String(error))) skip('no xz here');
      throw error;
    }
  });

  it('readTrace rejects invalid files with a message that names the error', async () => {
    await expect(readTrace(join(folder, 'none.log'))).rejects.toThrow(/none\.log: ENOENT/);
    await expect(readTrace(join(folder, 'none.gz'))).rejects.toThrow(/none\.gz: .*No such file/i);
    await expect(read('broken.gz', 'not packed')).rejects.toThrow(/not in gzip format/);
    await expect(read('empty.log', '')).rejects.toThrow(/there is no key in it/);
    vi.stubEnv('PATH', folder);
    try {
      await expect(read('c.gz', gzipSync('a\n'))).rejects.toThrow(/the program "gzip", which is not installed/);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('readTrace stops at the limit', async () => {
    expect(await read('d.log', 'a\nb\nc', { limit: 2 })).toEqual(['a', 'b']);
    const many = gzipSync(Array.from({ length: 500_000 }, (_, i) => i).join('\n'));
    expect(await read('e.log.gz', many, { limit: 3 })).toEqual(['0', '1', '2']);
  });
});
