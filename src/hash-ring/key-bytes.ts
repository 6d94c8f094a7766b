import { InvalidOptionError } from '../core/errors.js';
import { requireGlobal } from '../core/require-global.js';

/** A key to place: a string, hashed as UTF-8; bytes; or a number or bigint, hashed as its decimal string. */
export type PlacementKey = string | Uint8Array | number | bigint;

/** The input of a hash function: bytes, or a string that is hashed as UTF-8. */
export type HashData = string | Uint8Array;

/**
 * A hash function for rings. Returns an unsigned 32-bit number, the same for the same data and seed in every process.
 */
export type HashFunction = (data: HashData, seed: number) => number;

/** A shared buffer for the bytes of strings: allocating an array would cost more than hashing a short key. */
class Utf8Scratch {
  bytes = new Uint8Array(256);
  length = 0;
  #encoder: TextEncoder | undefined = undefined;

  /** Writes the text as UTF-8. Lone surrogates become U+FFFD, as in `TextEncoder`. */
  write(text: string): Uint8Array {
    if (text.length * 3 > this.bytes.length) this.bytes = new Uint8Array(text.length * 6);
    const { bytes } = this;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 127) {
        this.#encoder ??= new (requireGlobal('TextEncoder'))();
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

/** Returns the bytes of `data`; only the first `lengthOf(data)` are valid, and only until the next call. */
export function bytesOf(data: HashData): Uint8Array {
  if (typeof data === 'string') return scratch.write(data);
  if (data instanceof Uint8Array) return data;
  throw new InvalidOptionError('hash', 'data', 'must be a string or a Uint8Array', data);
}

/** Returns the number of bytes of `data`. For a string, `bytesOf` must have been called with it before. */
export function lengthOf(data: HashData): number {
  return typeof data === 'string' ? scratch.length : data.length;
}

/** Converts a key to the input of a hash function. */
export function dataOf(key: PlacementKey): HashData {
  return typeof key === 'number' || typeof key === 'bigint' ? String(key) : key;
}

/** Reads four bytes as a little-endian integer. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** Rotates a 32-bit word to the left. */
export const rotateLeft = (word: number, by: number): number => (word << by) | (word >>> (32 - by));
