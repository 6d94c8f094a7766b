/** The second argument of a call of `fetch`, read once into a plain object of our own. */
export interface RequestInitCopy {
  [member: PropertyKey]: unknown;
}

/** The members that the Fetch Standard reads by name, and undici's one. */
const MEMBERS: readonly string[] = [
  ...['method', 'headers', 'body', 'signal', 'duplex', 'keepalive', 'credentials', 'mode', 'cache', 'redirect'],
  ...['integrity', 'referrer', 'referrerPolicy', 'priority', 'window', 'dispatcher'],
];

/**
 * Returns a plain copy of fetch's second argument, whatever it is made of: a literal, an object with inherited members,
 * getters or members that are not enumerable, or a Proxy. Each member is read once. The members of a polluted
 * `Object.prototype` are undefined in it. O(members).
 *
 * @throws what a getter throws.
 */
export function readRequestInit(init: object): RequestInitCopy {
  const copy: RequestInitCopy = { ...init };
  for (const name of MEMBERS) if (!Object.hasOwn(copy, name)) copyMember(init, name, copy);
  for (let holder = init; holder !== null && holder !== Object.prototype; holder = Object.getPrototypeOf(holder)) {
    for (const name of Reflect.ownKeys(holder)) {
      if (!Object.hasOwn(copy, name) && (holder === init || isMember(holder, name))) copyMember(init, name, copy);
    }
  }
  return copy;
}

/** Of a prototype, its accessors and values are members; its constructor and methods are not. */
function isMember(prototype: object, name: string | symbol): boolean {
  if (name === '__proto__') return false; // of the Object.prototype of another realm
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
  return descriptor?.enumerable === true || typeof descriptor?.value !== 'function';
}

function copyMember(init: object, name: string | symbol, copy: RequestInitCopy): void {
  const value = (init as RequestInitCopy)[name];
  if (value === undefined) return;
  copy[name] = comesFromObjectPrototype(init, name) ? undefined : value; // undefined hides it from readers of the copy
}

/** Whether a member is there only because `Object.prototype` was polluted. */
function comesFromObjectPrototype(init: object, name: string | symbol): boolean {
  if (!(name in Object.prototype)) return false;
  for (let holder = init; holder !== Object.prototype; holder = Object.getPrototypeOf(holder)) {
    if (holder === null || Object.hasOwn(holder, name)) return false;
  }
  return true;
}

/**
 * Returns a copy of request headers in the form in which they were given: `Headers` of any make, pairs, or a record.
 * An iterable of any other kind becomes an array of pairs. What cannot be copied is returned as it is, for `fetch` to
 * reject. O(headers).
 */
export function copyHeaders(headers: unknown): unknown {
  if (typeof headers !== 'object' || headers === null) return headers;
  try {
    if (Array.isArray(headers)) return headers.map(copyPair);
    if (typeof (headers as Partial<Iterable<unknown>>)[Symbol.iterator] !== 'function') return copyRecord(headers);
    const { constructor: Make } = headers as { constructor: unknown };
    const isHeaders = typeof (headers as Partial<Headers>).append === 'function' && typeof Make === 'function';
    if (isHeaders) return new (Make as typeof Headers)(headers as Headers);
    return Array.from(headers as Iterable<unknown>, copyPair);
  } catch {
    return headers;
  }
}

const copyPair = (pair: unknown): unknown => (Array.isArray(pair) ? [...pair] : pair);

function copyRecord(headers: object): object {
  const copy: Record<PropertyKey, unknown> = { ...headers };
  for (const [name, value] of Object.entries(copy)) if (Array.isArray(value)) copy[name] = [...value];
  return copy;
}
