import type { RequestInitCopy } from './request-init.js';

/** A member of a request that was given a value of its own, with a text that is equal for equal values. */
export interface RequestMember {
  readonly name: PropertyKey;
  readonly value: unknown;
  readonly text: string;
}

/** Members of a `Request`, with their default values. */
const REQUEST_MEMBERS: Readonly<Record<string, unknown>> = {
  ...{ credentials: 'same-origin', mode: 'cors', redirect: 'follow', referrer: 'about:client', referrerPolicy: '' },
  ...{ cache: 'default', integrity: '', keepalive: false },
  cf: undefined,
};

/**
 * Returns the members of a request that differ from their defaults, in a fixed order: those of the `Request`, replaced by
 * those of the second argument of `fetch`. Objects and functions are compared by identity, Cloudflare's `cf` by content.
 *
 * @param ignored - the members to leave out.
 */
export function requestMembers(
  request: Request | undefined,
  init: RequestInitCopy | null | undefined,
  ignored: ReadonlySet<PropertyKey>,
): RequestMember[] {
  if (request === undefined && !init) return [];
  const members =
    request === undefined ? (init as RequestInitCopy) : { ...membersOf(request), ...definedIn(init ?? {}) };
  const names = Reflect.ownKeys(members).filter((name) => !ignored.has(name));
  const found: RequestMember[] = [];
  for (const name of names.sort(byName)) {
    const value = members[name as string];
    if (value === undefined || value === REQUEST_MEMBERS[name as string]) continue;
    const text = `${formatName(name)}:${JSON.stringify(name === 'cf' ? contentOf(value) : formatValue(value))};`;
    found.push({ name, value, text });
  }
  return found;
}

/** Returns the members that are not undefined: an undefined one leaves the member of the `Request` as it is. */
function definedIn(init: RequestInitCopy): RequestInitCopy {
  const defined: RequestInitCopy = {};
  for (const name of Reflect.ownKeys(init)) if (init[name] !== undefined) defined[name] = init[name];
  return defined;
}

/** Returns the members of a `Request`: standard ones, those of polyfills, and the dispatcher if undici exposes it. */
function membersOf(request: Request): Record<PropertyKey, unknown> {
  const members: Record<PropertyKey, unknown> = {};
  for (const name of Object.keys(REQUEST_MEMBERS)) members[name] = (request as unknown as typeof members)[name];
  for (const name of Reflect.ownKeys(request)) {
    const isShown = typeof name === 'string' || name.description === 'dispatcher';
    if (isShown) members[typeof name === 'string' ? name : 'dispatcher'] = Reflect.get(request, name);
  }
  // undici uses null for no dispatcher.
  if (members.dispatcher === null) delete members.dispatcher;
  return members;
}

const formatName = (name: PropertyKey): string =>
  typeof name === 'symbol' ? `symbol ${idOf(name)}` : JSON.stringify(name);

const byName = (one: PropertyKey, other: PropertyKey): number => (formatName(one) < formatName(other) ? -1 : 1);

/** Whether the value is an object or a function, which are compared by identity. */
export const isReference = (value: unknown): value is object =>
  (typeof value === 'object' && value !== null) || typeof value === 'function';

function formatValue(value: unknown): string {
  if (isReference(value) || typeof value === 'symbol') return `#${idOf(value)}`;
  return `${typeof value} ${String(value)}`;
}

/** Cloudflare's `cf` is plain data and often a literal, so it is compared by content. */
function contentOf(value: unknown): string {
  try {
    return `json ${JSON.stringify(value)}`;
  } catch {
    return formatValue(value);
  }
}

const ids = /* @__PURE__ */ new WeakMap<object, number>();
let lastId = 0;

/** Returns a number that identifies an object or symbol: always the same one, and different from all others. */
function idOf(value: object | symbol): number | string {
  // Registered symbols cannot be weak keys; their text identifies them.
  const text = typeof value === 'symbol' ? Symbol.keyFor(value) : undefined;
  if (text !== undefined) return JSON.stringify(text);
  const key = value as object;
  let id = ids.get(key);
  if (id === undefined) {
    id = ++lastId;
    try {
      ids.set(key, id);
    } catch {
      // The engine does not support symbols as weak keys: the request shares nothing.
    }
  }
  return id;
}
