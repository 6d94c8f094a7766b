/**
 * Returns the WeakMap of this name that all copies of the package in the process use, such as ESM beside CommonJS, or two
 * versions. Use it for what one copy records about an object and another copy must know. Keys and values may come from
 * other versions, so a value must be plain data or be compared by identity only.
 *
 * Call it at the first use and not at import, because the first copy that asks creates the map on the global object. If
 * the global object is frozen, each copy has a map of its own.
 */
export function sharedWeakMap<K extends object, V>(name: string): WeakMap<K, V> {
  const key = Symbol.for(`breakwater.${name}`);
  const known = (globalThis as { readonly [key: symbol]: WeakMap<K, V> | undefined })[key];
  if (known !== undefined) return known;
  const map = new WeakMap<K, V>();
  Reflect.defineProperty(globalThis, key, { value: map });
  return map;
}
