/** A plain copy of the second argument of `fetch`. Each member of the original was read once. */
export interface RequestInitCopy {
  [member: PropertyKey]: unknown;
}

/** The members that the Fetch Standard reads by name, and undici's `dispatcher`. */
const MEMBERS: readonly string[] = [
  ...['method', 'headers', 'body', 'signal', 'duplex', 'keepalive', 'credentials', 'mode', 'cache', 'redirect'],
  ...['integrity', 'referrer', 'referrerPolicy', 'priority', 'window', 'dispatcher'],
];

/**
 * Returns a plain copy of the second argument of `fetch`. The original may be a literal, an object with inherited
 * members, getters or non-enumerable members, or a Proxy. Each member is read once. Members that come from a polluted
 * `Object.prototype` are undefined in the copy. O(members).
 *
 * @throws the error of a getter that throws.
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

/**
 * Whether a property of a prototype is a member of the init: accessors and values are, the constructor and methods are
 * not.
 */
function isMember(prototype: object, name: string | symbol): boolean {
  if (name === '__proto__') return false; // of the Object.prototype of another realm
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
  return descriptor?.enumerable === true || typeof descriptor?.value !== 'function';
}

function copyMember(init: object, name: string | symbol, copy: RequestInitCopy): void {
  const value = (init as RequestInitCopy)[name];
  if (value === undefined) return;
  // An own undefined hides the polluted value from readers of the copy.
  copy[name] = comesFromObjectPrototype(init, name) ? undefined : value;
}

/** Whether a member exists only because `Object.prototype` was polluted. */
function comesFromObjectPrototype(init: object, name: string | symbol): boolean {
  if (!(name in Object.prototype)) return false;
  for (let holder = init; holder !== Object.prototype; holder = Object.getPrototypeOf(holder)) {
    if (holder === null || Object.hasOwn(holder, name)) return false;
  }
  return true;
}

/**
 * Returns a copy of request headers of the same kind: `Headers` of any implementation, an array of pairs, or a record.
 * Any other iterable becomes an array of pairs. A value that cannot be copied is returned unchanged; `fetch` then
 * rejects it. O(headers).
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
