/**
 * The kind of a request body.
 *
 * - `none`: there is no body.
 * - `immutable`: text, a Blob or a File. It can be sent any number of times.
 * - `mutable`: bytes, URLSearchParams or FormData. It can be sent again, but the caller can change it meanwhile.
 * - `stream`: it can be sent once. A body of an unknown kind counts as a stream.
 */
export type BodyKind = 'none' | 'immutable' | 'mutable' | 'stream';

const IMMUTABLE = ['Blob', 'File'];
const BUFFERS = ['ArrayBuffer', 'SharedArrayBuffer'];
const FORMS = ['FormData', 'URLSearchParams'];

/** Returns the kind of a body. */
export function kindOfBody(body: unknown): BodyKind {
  if (body === undefined || body === null) return 'none';
  if (typeof body !== 'object') return typeof body === 'function' ? 'stream' : 'immutable';
  if (ArrayBuffer.isView(body)) return 'mutable';
  const { pipe, getReader } = body as { pipe?: unknown; getReader?: unknown };
  if (typeof pipe === 'function' || typeof getReader === 'function') return 'stream'; // regardless of its tag
  const tag = tagOf(body);
  if (IMMUTABLE.includes(tag)) return 'immutable';
  return BUFFERS.includes(tag) || FORMS.includes(tag) ? 'mutable' : 'stream';
}

/** Returns the number of bytes or characters that a copy of a mutable body takes. Files in a form are not copied. */
export function sizeOfBody(body: unknown): number {
  if (ArrayBuffer.isView(body) || BUFFERS.includes(tagOf(body))) return (body as ArrayBuffer).byteLength;
  let size = 0;
  for (const [name, value] of body as Iterable<[string, unknown]>) {
    size += name.length + (typeof value === 'string' ? value.length : 0);
  }
  return size;
}

/**
 * Returns a copy of a mutable body. Returns the body itself if it cannot be copied: `fetch` then rejects with its own
 * error.
 */
export function copyBody(body: unknown): unknown {
  try {
    if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice();
    if (BUFFERS.includes(tagOf(body))) return (body as ArrayBuffer).slice(0);
    return copyForm(body as FormData);
  } catch {
    return body;
  }
}

/** Returns a copy of a FormData or URLSearchParams of any implementation. */
function copyForm(form: FormData): FormData {
  const copy = new (form.constructor as typeof FormData)();
  for (const [name, value] of form as unknown as Iterable<[string, FormDataEntryValue]>) {
    if (typeof value === 'string') copy.append(name, value);
    else copy.append(name, value, value.name);
  }
  return copy;
}

const tagOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

/**
 * Whether a stream has failed by itself: then the code that created it is at fault, not the server. The state of a
 * stream is known only when `fetch` has released it; undici does so when the stream fails.
 */
export async function hasFailed(body: unknown): Promise<boolean> {
  if (kindOfBody(body) !== 'stream') return false;
  const { errored, locked, getReader } = body as { errored?: unknown; locked?: unknown; getReader?: unknown };
  if (typeof getReader !== 'function') return (errored ?? null) !== null; // Node's own streams
  if (locked === true) return false;
  const reader = (body as ReadableStream).getReader();
  const failed = await Promise.race([reader.closed.then(no, yes), Promise.resolve().then(no).then(no)]);
  reader.releaseLock();
  return failed;
}

const yes = (): boolean => true;
const no = (): boolean => false;
