/** Two independent 32-bit hashes of some bytes. */
export interface Checksum {
  readonly one: number;
  readonly other: number;
}

/** The checksum of no bytes. */
export const NO_BYTES: Checksum = { one: 0x811c9dc5, other: 0x9747b28c };

/**
 * Returns the checksum of a text that was continued by some bytes: FNV-1a with two offsets and two odd multipliers. It
 * finds accidental differences, and not those that were made on purpose. O(bytes).
 */
export function checksum(previous: Checksum, bytes: Uint8Array): Checksum {
  let { one, other } = previous;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    one = Math.imul(one ^ byte, 0x01000193);
    other = Math.imul(other ^ byte, 0x85ebca6b);
  }
  return { one, other };
}

/** Whether the `ETag` ensures that responses with the same one have equal bytes (RFC 9110, 8.8.1). */
export const hasStrongEtag = ({ headers }: Response): boolean => /^"[^"]*"$/.test(headers.get('etag') ?? '');
