import { createHash } from 'node:crypto';
import { fnv1a, murmur3, sipHash13, xxh32 } from 'breakwater/hash-ring';
import { describe, expect, it } from 'vitest';
import { Md5 } from '../../src/hash-ring/md5.js';
import { vectors } from './vectors.js';

const { hash_vectors: published, keys } = vectors;
const strings = published.strings!;
const hex = (number: number | bigint, digits: number) => number.toString(16).padStart(digits, '0');
const KEY = Uint8Array.from({ length: 16 }, (_, i) => i);

describe('Hash functions against published values', () => {
  it('murmur3 equals the published values', () => {
    expect(strings.map((text) => hex(murmur3(text), 8))).toEqual(published.murmur3_32_seed0);
    expect(strings.map((text) => hex(murmur3(text, 0x9747b28c), 8))).toEqual(published.murmur3_32_seed9747b28c);
    expect([murmur3('', 1), murmur3('', 0xffffffff)]).toEqual([0x514e28b7, 0x81f16f39]);
    expect(murmur3('test', 0x9747b28c)).toBe(0x704b81dc);
  });

  it('xxh32 equals the published values', () => {
    expect(strings.map((text) => hex(xxh32(text), 8))).toEqual(published.xxh32_seed0);
    expect(strings.map((text) => hex(xxh32(text, 0x9e3779b1), 8))).toEqual(published.xxh32_seed9e3779b1);
  });

  it('fnv1a equals the published values', () => {
    expect(strings.map((text) => hex(fnv1a(text), 8))).toEqual(published.fnv1a_32);
    expect(fnv1a('foobar')).toBe(0xbf9cf968);
  });

  it('sipHash13 equals the published values', () => {
    expect(strings.map((text) => hex(sipHash13(text, KEY), 16))).toEqual(published.siphash13_key000102_0f);
    const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i);
    expect([0, 1, 15].map((length) => hex(sipHash13(counting(length), KEY), 16))).toEqual([
      'abac0158050fc4dc',
      'c9f49bf37d57ca93',
      'd320d86d2a519956',
    ]);
  });

  it('md5 equals the published values and the MD5 of Node for every length up to three blocks', () => {
    const md5 = new Md5();
    expect(strings.map((text) => md5.digest(text)[0])).toEqual(published.md5_first_u32_le);
    expect(keys.slice(0, 20).map((key) => md5.digest(key)[0])).toEqual(vectors.key_hash_first20);
    for (let length = 0; length < 200; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + length) & 255);
      const digest = createHash('md5').update(bytes).digest();
      expect([...md5.digest(bytes)]).toEqual([0, 4, 8, 12].map((at) => digest.readUInt32LE(at)));
    }
  });
});

describe.each([
  ['murmur3', (data: string | Uint8Array) => murmur3(data, 7)],
  ['xxh32', (data: string | Uint8Array) => xxh32(data, 7)],
  ['fnv1a', (data: string | Uint8Array) => fnv1a(data)],
  ['sipHash13', (data: string | Uint8Array) => sipHash13(data, KEY)],
] as const)('%s', (_name, hash) => {
  it('the hash of a string is the hash of its UTF-8 bytes, at every length and position of a non-ASCII letter', () => {
    for (let length = 0; length < 80; length++) {
      for (const letter of ['é', '語', '😀']) {
        const text = 'x'.repeat(length) + letter + 'y'.repeat(length % 7);
        expect(hash(text)).toBe(hash(new TextEncoder().encode(text)));
      }
      expect(hash('z'.repeat(length))).toBe(hash(new TextEncoder().encode('z'.repeat(length))));
    }
    expect(hash('e\u0301')).not.toBe(hash('é')); // no normalization
    expect(hash('Ā')).not.toBe(hash('\0')); // the result if code units were cut to bytes
  });

  it('lone surrogates are hashed as U+FFFD', () => {
    expect([hash('\ud800'), hash('a\udc00b')]).toEqual([hash('\ufffd'), hash('a\ufffdb')]);
  });

  it('bytes that are not valid UTF-8 have different hashes', () => {
    const [a, b] = [Uint8Array.of(0xff, 0xfe), Uint8Array.of(0xfe, 0xff)];
    expect(new Set([hash(a), hash(b), hash('\ufffd\ufffd')]).size).toBe(3);
    expect(hash(Buffer.from('abc'))).toBe(hash('abc'));
    expect(hash(new Uint8Array(Buffer.from('xabcx').buffer, Buffer.from('xabcx').byteOffset, 0))).toBe(hash(''));
  });

  it('a long string and a short string after it are hashed correctly', () => {
    const long = 'ab'.repeat(50_000);
    expect(hash(long)).toBe(hash(Buffer.from(long)));
    expect(hash(`${long}é`)).toBe(hash(Buffer.from(`${long}é`)));
    expect(hash('short')).toBe(hash(Buffer.from('short')));
  });

  it.each([undefined, null, 7, {}, [1], new Uint16Array(2), new ArrayBuffer(4)])(
    'the hash function rejects %s',
    (data) => {
      expect(() => hash(data as never)).toThrow(/"data" must be a string or a Uint8Array/);
    },
  );
});

describe('sipHash13', () => {
  it.each([undefined, 'sixteen letters!', new Uint8Array(15), new Uint8Array(17), new Uint16Array(16)])(
    'sipHash13 rejects the key %s',
    (key) => {
      expect(() => sipHash13('a', key as never)).toThrow(/"key" must be a Uint8Array of 16 bytes/);
    },
  );

  it('the hash differs for each bit of the key', () => {
    const seen = new Set([sipHash13('abcdefgh', KEY)]);
    for (let bit = 0; bit < 128; bit++) {
      const key = KEY.slice();
      key[bit >> 3] = key[bit >> 3]! ^ (1 << (bit & 7));
      seen.add(sipHash13('abcdefgh', key));
    }
    expect(seen.size).toBe(129);
  });
});
