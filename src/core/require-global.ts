/**
 * Returns a global of the platform. The package can be imported without it: only what needs it fails, when it is used.
 * @throws TypeError that names the global if this runtime lacks it.
 */
export function requireGlobal<N extends keyof typeof globalThis>(name: N): (typeof globalThis)[N] {
  const value = globalThis[name];
  if (value === undefined) throw new TypeError(`This runtime has no "${name}", which this call needs`);
  return value;
}
