/**
 * Returns a copy with memory of its own, as a byte stream needs it: the stream detaches the memory of its chunks. The
 * `slice` of a Node.js Buffer copies nothing, and its memory is shared with all other small Buffers of the process.
 *
 * @throws TypeError if the value is not a typed array.
 */
export function copyBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.prototype.slice.call(bytes) as Uint8Array<ArrayBuffer>;
}

/** Returns the bytes of all chunks in one array. @param length - the number of bytes of all chunks. */
export function joinBytes(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}
