import { bytesOf, type HashData, lengthOf, readUint32, rotateLeft } from './key-bytes.js';

/** The 64 constants of RFC 1321: floor(2³² × |sin(i)|) for i from 1 to 64. */
const sines = (): Int32Array => Int32Array.from({ length: 64 }, (_, i) => Math.abs(Math.sin(i + 1)) * 0x1_0000_0000);

/**
 * MD5 (RFC 1321). The digest consists of four unsigned words, the least significant byte first. It is only used because
 * libketama rings are computed with it; MD5 is not secure. For short keys this implementation takes a fraction of the
 * time of Node's `crypto`, and it runs on every platform.
 */
export class Md5 {
  readonly #sines = sines();
  readonly #block = new Int32Array(16);
  readonly #words = new Int32Array(4);

  /** The digest. The next call of `digest` overwrites it. */
  readonly words = new Uint32Array(this.#words.buffer);

  /** Computes the digest of `data` and returns `words`. */
  digest(data: HashData): Uint32Array {
    const bytes = bytesOf(data);
    const length = lengthOf(data);
    const words = this.#words;
    words[0] = 0x6745_2301;
    words[1] = 0xefcd_ab89;
    words[2] = 0x98ba_dcfe;
    words[3] = 0x1032_5476;
    const end = length + 9; // the message is followed by one padding byte and the 8-byte length
    for (let start = 0; start < end; start += 64) {
      for (let word = 0; word < 16; word++) this.#block[word] = wordAt(bytes, start + 4 * word, length);
      if (start + 64 >= end) {
        this.#block[14] = length << 3;
        this.#block[15] = length >>> 29;
      }
      this.#mix();
    }
    return this.words;
  }

  /** Four rounds of sixteen steps. Each iteration does four steps, so that the words need not be rotated. */
  #mix(): void {
    const x = this.#block;
    const t = this.#sines;
    const words = this.#words;
    let a = words[0] as number;
    let b = words[1] as number;
    let c = words[2] as number;
    let d = words[3] as number;
    for (let i = 0; i < 16; i += 4) {
      a = step((a + (d ^ (b & (c ^ d))) + x[i]! + t[i]!) | 0, 7, b);
      d = step((d + (c ^ (a & (b ^ c))) + x[i + 1]! + t[i + 1]!) | 0, 12, a);
      c = step((c + (b ^ (d & (a ^ b))) + x[i + 2]! + t[i + 2]!) | 0, 17, d);
      b = step((b + (a ^ (c & (d ^ a))) + x[i + 3]! + t[i + 3]!) | 0, 22, c);
    }
    for (let i = 16; i < 32; i += 4) {
      a = step((a + (c ^ (d & (b ^ c))) + x[(5 * i + 1) & 15]! + t[i]!) | 0, 5, b);
      d = step((d + (b ^ (c & (a ^ b))) + x[(5 * i + 6) & 15]! + t[i + 1]!) | 0, 9, a);
      c = step((c + (a ^ (b & (d ^ a))) + x[(5 * i + 11) & 15]! + t[i + 2]!) | 0, 14, d);
      b = step((b + (d ^ (a & (c ^ d))) + x[(5 * i) & 15]! + t[i + 3]!) | 0, 20, c);
    }
    for (let i = 32; i < 48; i += 4) {
      a = step((a + (b ^ c ^ d) + x[(3 * i + 5) & 15]! + t[i]!) | 0, 4, b);
      d = step((d + (a ^ b ^ c) + x[(3 * i + 8) & 15]! + t[i + 1]!) | 0, 11, a);
      c = step((c + (d ^ a ^ b) + x[(3 * i + 11) & 15]! + t[i + 2]!) | 0, 16, d);
      b = step((b + (c ^ d ^ a) + x[(3 * i + 14) & 15]! + t[i + 3]!) | 0, 23, c);
    }
    for (let i = 48; i < 64; i += 4) {
      a = step((a + (c ^ (b | ~d)) + x[(7 * i) & 15]! + t[i]!) | 0, 6, b);
      d = step((d + (b ^ (a | ~c)) + x[(7 * i + 7) & 15]! + t[i + 1]!) | 0, 10, a);
      c = step((c + (a ^ (d | ~b)) + x[(7 * i + 14) & 15]! + t[i + 2]!) | 0, 15, d);
      b = step((b + (d ^ (c | ~a)) + x[(7 * i + 5) & 15]! + t[i + 3]!) | 0, 21, c);
    }
    words[0] = (words[0] as number) + a;
    words[1] = (words[1] as number) + b;
    words[2] = (words[2] as number) + c;
    words[3] = (words[3] as number) + d;
  }
}

const step = (sum: number, turn: number, next: number): number => (rotateLeft(sum, turn) + next) | 0;

/** Returns a word of the padded message: the message, a 1 bit, then zeros. */
function wordAt(bytes: Uint8Array, at: number, length: number): number {
  if (at + 4 <= length) return readUint32(bytes, at);
  if (at > length) return 0;
  let word = 0x80;
  for (let i = length - 1; i >= at; i--) word = (word << 8) | (bytes[i] as number);
  return word;
}
