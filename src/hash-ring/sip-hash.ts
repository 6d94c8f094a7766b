import { InvalidOptionError } from '../core/errors.js';
import { bytesOf, type HashData, lengthOf, readUint32 } from './key-bytes.js';

/**
 * SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012, with one round per word and three final
 * rounds). Returns 64 bits that cannot be predicted without the key.
 *
 * Use it for keys that an attacker can choose, so that the attacker cannot place all of them on one node. It takes
 * about eight times as long as `murmur3`. The key must be secret, and the same in all processes.
 *
 * @throws InvalidOptionError if `key` does not have 16 bytes.
 * @example
 * ```ts
 * const secret = new Uint8Array(16).fill(7); // from your configuration
 * const hash = (data: string | Uint8Array) => Number(sipHash13(data, secret) & 0xffff_ffffn);
 * const ring = new HashRing(['a', 'b', 'c'], { hash });
 * console.log(ring.size); // 3
 * ```
 */
export function sipHash13(data: HashData, key: Uint8Array): bigint {
  if (!(key instanceof Uint8Array) || key.length !== 16) {
    throw new InvalidOptionError('sipHash13', 'key', 'must be a Uint8Array of 16 bytes', key);
  }
  const state = new SipState(key);
  const bytes = bytesOf(data);
  const length = lengthOf(data);
  const tail = length & ~7;
  for (let at = 0; at < tail; at += 8) state.absorb(readUint32(bytes, at), readUint32(bytes, at + 4));
  const rest = [0, length << 24];
  for (let at = tail; at < length; at++) {
    const word = (at - tail) >> 2;
    rest[word] = (rest[word] as number) | ((bytes[at] as number) << (8 * (at & 3)));
  }
  state.absorb(rest[0] as number, rest[1] as number);
  return state.finish();
}

/** The four 64-bit words of the state, each as its low and its high half. */
class SipState {
  #a: number;
  #aHigh: number;
  #b: number;
  #bHigh: number;
  #c: number;
  #cHigh: number;
  #d: number;
  #dHigh: number;

  /** Combines the key with the constant of the paper, "somepseudorandomlygeneratedbytes". */
  constructor(key: Uint8Array) {
    const [k0, k0High, k1, k1High] = [0, 4, 8, 12].map((at) => readUint32(key, at)) as [number, number, number, number];
    this.#a = k0 ^ 0x7073_6575;
    this.#aHigh = k0High ^ 0x736f_6d65;
    this.#b = k1 ^ 0x6e64_6f6d;
    this.#bHigh = k1High ^ 0x646f_7261;
    this.#c = k0 ^ 0x6e65_7261;
    this.#cHigh = k0High ^ 0x6c79_6765;
    this.#d = k1 ^ 0x7974_6573;
    this.#dHigh = k1High ^ 0x7465_6462;
  }

  /** Mixes a 64-bit word of the message into the state. */
  absorb(low: number, high: number): void {
    this.#d ^= low;
    this.#dHigh ^= high;
    this.#round();
    this.#a ^= low;
    this.#aHigh ^= high;
  }

  /** Runs the final rounds and returns the hash. */
  finish(): bigint {
    this.#c ^= 0xff;
    for (let i = 0; i < 3; i++) this.#round();
    const low = (this.#a ^ this.#b ^ this.#c ^ this.#d) >>> 0;
    const high = (this.#aHigh ^ this.#bHigh ^ this.#cHigh ^ this.#dHigh) >>> 0;
    return (BigInt(high) << 32n) | BigInt(low);
  }

  /** One SipRound. */
  #round(): void {
    let [a, aHigh, b, bHigh] = [this.#a, this.#aHigh, this.#b, this.#bHigh];
    let [c, cHigh, d, dHigh] = [this.#c, this.#cHigh, this.#d, this.#dHigh];
    let low: number;

    // a += b; b <<<= 13; b ^= a; a <<<= 32
    low = (a >>> 0) + (b >>> 0);
    aHigh = (aHigh + bHigh + carryOf(low)) | 0;
    a = low | 0;
    [b, bHigh] = [rotated(b, bHigh, 13) ^ a, rotated(bHigh, b, 13) ^ aHigh];
    [a, aHigh] = [aHigh, a];
    // c += d; d <<<= 16; d ^= c
    low = (c >>> 0) + (d >>> 0);
    cHigh = (cHigh + dHigh + carryOf(low)) | 0;
    c = low | 0;
    [d, dHigh] = [rotated(d, dHigh, 16) ^ c, rotated(dHigh, d, 16) ^ cHigh];
    // a += d; d <<<= 21; d ^= a
    low = (a >>> 0) + (d >>> 0);
    aHigh = (aHigh + dHigh + carryOf(low)) | 0;
    a = low | 0;
    [d, dHigh] = [rotated(d, dHigh, 21) ^ a, rotated(dHigh, d, 21) ^ aHigh];
    // c += b; b <<<= 17; b ^= c; c <<<= 32
    low = (c >>> 0) + (b >>> 0);
    cHigh = (cHigh + bHigh + carryOf(low)) | 0;
    c = low | 0;
    [b, bHigh] = [rotated(b, bHigh, 17) ^ c, rotated(bHigh, b, 17) ^ cHigh];
    [c, cHigh] = [cHigh, c];

    this.#a = a;
    this.#aHigh = aHigh;
    this.#b = b;
    this.#bHigh = bHigh;
    this.#c = c;
    this.#cHigh = cHigh;
    this.#d = d;
    this.#dHigh = dHigh;
  }
}

/** Returns one half of a 64-bit word rotated to the left by less than 32 bits. */
const rotated = (half: number, other: number, by: number): number => (half << by) | (other >>> (32 - by));

const carryOf = (sum: number): number => (sum > 0xffff_ffff ? 1 : 0);
