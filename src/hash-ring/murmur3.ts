import { bytesOf, type HashData, lengthOf, readUint32, rotateLeft } from './key-bytes.js';

/**
 * MurmurHash3, 32-bit (Austin Appleby, 2011). Returns an unsigned 32-bit number. Fast and well mixed; the default of
 * `HashRing`.
 *
 * Do not use it for keys that an attacker can choose, not even with a secret seed: there are sets of keys that collide
 * under every seed. Use `sipHash13` for such keys.
 *
 * @param seed - The seed, modulo 2³². @defaultValue 0
 * @example
 * ```ts
 * console.log(murmur3('abc')); // 3017643002
 * ```
 */
export function murmur3(data: HashData, seed = 0): number {
  if (typeof data === 'string') {
    const hash = ofAscii(data, seed | 0);
    if (hash !== undefined) return hash;
  }
  const bytes = bytesOf(data);
  const length = lengthOf(data);
  const tail = length & ~3;
  let hash = seed | 0;
  for (let at = 0; at < tail; at += 4) hash = absorbed(hash, readUint32(bytes, at));
  let rest = 0;
  for (let at = length - 1; at >= tail; at--) rest = (rest << 8) | (bytes[at] as number);
  return finished(hash, rest, length);
}

/** Hashes an ASCII string without encoding it first, in half the time; returns undefined if the string is not ASCII. */
function ofAscii(text: string, seed: number): number | undefined {
  const { length } = text;
  const tail = length & ~3;
  let hash = seed;
  let units = 0;
  for (let at = 0; at < tail; at += 4) {
    const a = text.charCodeAt(at);
    const b = text.charCodeAt(at + 1);
    const c = text.charCodeAt(at + 2);
    const d = text.charCodeAt(at + 3);
    units |= a | b | c | d;
    hash = absorbed(hash, a | (b << 8) | (c << 16) | (d << 24));
  }
  let rest = 0;
  for (let at = length - 1; at >= tail; at--) {
    const unit = text.charCodeAt(at);
    units |= unit;
    rest = (rest << 8) | unit;
  }
  return units > 127 ? undefined : finished(hash, rest, length);
}

/** Mixes one word into the hash. */
const absorbed = (hash: number, word: number): number => {
  return (Math.imul(rotateLeft(hash ^ scrambled(word), 13), 5) + 0xe654_6b64) | 0;
};

/** @param rest - The last bytes, if they do not fill a word; 0 leaves the hash unchanged. */
const finished = (hash: number, rest: number, length: number): number => mixed(hash ^ scrambled(rest) ^ length) >>> 0;

const scrambled = (word: number): number => Math.imul(rotateLeft(Math.imul(word, 0xcc9e_2d51), 15), 0x1b87_3593);

/**
 * The finalizer of MurmurHash3: each bit of the input changes half of the output bits. Returns a signed number, because
 * V8 passes signed 32-bit numbers between functions without allocating a heap object.
 */
export function mixed(word: number): number {
  let hash = word;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}
