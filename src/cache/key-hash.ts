const identities = new WeakMap<object, number>();
let lastIdentity = 0;

/** Returns a 32-bit hash of any key, for estimates. Keys that are equal in a Map have equal hashes. O(length). */
export function hashOf(key: unknown): number {
  switch (typeof key) {
    case 'string':
      return hashString(key);
    case 'number':
      return mix((key | 0) === key ? key : hashString(String(key)));
    case 'object':
    case 'function':
      return key === null ? 0 : mix(identityOf(key));
    default:
      return hashString(String(key)); // bigint, boolean, undefined, and symbols by their description
  }
}

/** FNV-1a over the UTF-16 code units, followed by `mix`. */
function hashString(text: string): number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  return mix(hash);
}

function identityOf(key: object): number {
  let identity = identities.get(key);
  if (identity === undefined) {
    identity = ++lastIdentity;
    identities.set(key, identity);
  }
  return identity;
}

/** The finalizer of MurmurHash3 (Appleby): each bit of the input changes each bit of the output with probability ½. */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}
