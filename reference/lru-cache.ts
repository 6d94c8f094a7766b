interface Node<K, V> {
  readonly key: K;
  readonly value: V;
  previous: Node<K, V>;
  next: Node<K, V>;
}

/**
 * LRU cache: a Map finds an entry, a doubly linked list keeps the order of use. When the cache is full, the entry that
 * was used least recently is evicted. O(1) per operation, two links per entry.
 */
export class LruCache<K, V> {
  readonly #nodes = new Map<K, Node<K, V>>();
  /** Sentinel of a circular list: `next` is the most recently used entry, `previous` the least recently used one. */
  readonly #head = {} as Node<K, V>;

  constructor(readonly capacity: number) {
    this.#head.next = this.#head.previous = this.#head;
  }

  get(key: K): V | undefined {
    const node = this.#nodes.get(key);
    if (node === undefined) return undefined;
    this.#unlink(node);
    this.#linkFirst(node);
    return node.value;
  }

  has(key: K): boolean {
    return this.#nodes.has(key); // not a use
  }

  set(key: K, value: V): void {
    this.delete(key); // a new value counts as a use, so the entry goes to the front
    if (this.#nodes.size === this.capacity) this.delete(this.#head.previous.key);
    const node = { key, value } as Node<K, V>;
    this.#nodes.set(key, node);
    this.#linkFirst(node);
  }

  delete(key: K): boolean {
    const node = this.#nodes.get(key);
    if (node !== undefined) this.#unlink(node);
    return this.#nodes.delete(key);
  }

  #unlink({ previous, next }: Node<K, V>): void {
    previous.next = next; // without a sentinel, both ends of the list would need a special case
    next.previous = previous;
  }

  #linkFirst(node: Node<K, V>): void {
    node.previous = this.#head;
    node.next = this.#head.next;
    node.next.previous = this.#head.next = node;
  }
}
