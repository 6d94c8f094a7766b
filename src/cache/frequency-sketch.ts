const MOST = 15;
/** The counters are halved after this number of uses per entry of the capacity. */
const SAMPLE = 10;
/**
 * The approximate recent frequency of keys, also of keys that are not in the cache: a count-min sketch (Cormode and
 * Muthukrishnan, 2005) of four-bit counters, eight per word. Each key has one counter in each of four adjacent words.
 * The minimum of the four is the estimate, which is never too low. All counters are halved periodically, so that old
 * uses lose weight (Einziger, Friedman and Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", 2017). 16 bytes
 * per entry of the capacity, rounded up to a power of two.
 */
export class FrequencySketch {
  readonly #words: Int32Array;
  readonly #blockMask: number;
  readonly #sampleSize: number;
  #sampled = 0;

  constructor(capacity: number) {
    const blocks = 2 ** Math.ceil(Math.log2(Math.max(16, capacity)));
    this.#words = new Int32Array(4 * blocks);
    this.#blockMask = blocks - 1;
    this.#sampleSize = SAMPLE * Math.max(16, capacity);
  }

  /** Returns the estimated frequency of a key: an integer from 0 to 15. */
  estimate(hash: number): number {
    const words = this.#words;
    const block = (hash & this.#blockMask) << 2;
    let least = MOST;
    for (let row = 0, bits = spread(hash); row < 4; row++, bits >>>= 3) {
      const count = ((words[block + row] as number) >>> ((bits & 7) << 2)) & MOST;
      if (count < least) least = count;
    }
    return least;
  }

  /** Adds uses of a key. Counters stop at 15. */
  add(hash: number, uses: number): void {
    const words = this.#words;
    const block = (hash & this.#blockMask) << 2;
    let added = 0;
    for (let row = 0, bits = spread(hash); row < 4; row++, bits >>>= 3) {
      const shift = (bits & 7) << 2;
      const word = words[block + row] as number;
      const more = Math.min(uses, MOST - ((word >>> shift) & MOST));
      words[block + row] = word + (more << shift);
      if (more > added) added = more;
    }
    this.#sampled += added;
    if (this.#sampled >= this.#sampleSize) this.#halve();
  }

  #halve(): void {
    const words = this.#words;
    for (let i = 0; i < words.length; i++) words[i] = ((words[i] as number) >>> 1) & 0x7777_7777;
    this.#sampled >>>= 1;
  }
}

/**
 * Returns twelve bits, three per word, that choose the counters. They mix the hash in another way than the block index.
 */
const spread = (hash: number): number => Math.imul(hash, 0x9e37_79b1) >>> 20;
