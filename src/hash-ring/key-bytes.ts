import { InvalidOptionError } from '../core/errors.js';

/** What is placed: a string, hashed as UTF-8; bytes; a number or bigint, hashed as its decimal string. */
export type PlacementKey = string | Uint8Array | number | bigint;

/** What a hash function takes: bytes, or a string, which stands for its UTF-8 bytes. */
export type HashData = string | Uint8Array;

/** A hash function for rings: an unsigned 32-bit number, the same for the same data and seed in every process. */
export type HashFunction = (data: HashData, seed: number) => number;

/** Strings are written here rather than into an array of their own: an allocation costs more than hashing a short key. */
class Utf8Scratch {
  bytes = new Uint8Array(256);
  length = 0;
  readonly #encoder = new TextEncoder();

  /** Lone surrogates become U+FFFD, as everywhere in the platform. */
  write(text: string): Uint8Array {
    if (text.length * 3 > this.bytes.length) this.bytes = new Uint8Array(text.length * 6);
    const { bytes } = this;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 127) {
        this.length = this.#encoder.encodeInto(text, bytes).written;
        return bytes;
      }
      bytes[i] = unit;
    }
    this.length = text.length;
    return bytes;
  }
}

const scratch = /* @__PURE__ */ new Utf8Scratch();

/** The bytes of `data`, up to `lengthOf(data)`: to be read before anything else is hashed. */
export function bytesOf(data: HashData): Uint8Array {
  if (typeof data === 'string') return scratch.write(data);
  if (data instanceof Uint8Array) return data;
  throw new InvalidOptionError('hash', 'data', 'must be a string or a Uint8Array', data);
}

/** How many bytes `data` has. For a string only after `bytesOf` it. */
export function lengthOf(data: HashData): number {
  return typeof data === 'string' ? scratch.length : data.length;
}

/** A key as a hash function takes it. */
export function dataOf(key: PlacementKey): HashData {
  return typeof key === 'number' || typeof key === 'bigint' ? String(key) : key;
}

/** Four bytes, the least significant first. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** The bits turned left. */
export const rotateLeft = (word: number, by: number): number => (word << by) | (word >>> (32 - by));
