/** As much of it as the benchmarks use; it comes without types. */
declare module 'consistent-hash' {
  export default class ConsistentHash {
    constructor(options?: { range?: number; controlPoints?: number; distribution?: 'uniform' | 'random' });
    add(node: string, weight?: number): void;
    get(key: string): string;
  }
}
