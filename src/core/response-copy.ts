/**
 * Returns a response with another body and all other properties of the original. It has the class of the original, such
 * as undici's `Response` for undici's `fetch`, and headers of its own. Undefined if that class does not accept the body.
 *
 * @throws the error of the constructor of the original.
 */
export function copyResponse(original: Response, body: ReadableStream | null): Response | undefined {
  const { headers, status } = original;
  const { constructor: Make } = original as unknown as { constructor: typeof Response };
  const init = { headers, status: status >= 200 && status <= 599 ? status : 200 };
  const response = likeOriginal(makeWith(Make, body, init), original);
  return response.body === body ? response : undefined;
}

/**
 * Creates a response. HTTP parsers accept header fields that the Response constructor rejects; in that case the
 * original's headers replace those of the new response.
 */
function makeWith(
  Make: typeof Response,
  body: ReadableStream | null,
  { headers, status }: { headers: Headers; status: number },
) {
  try {
    return new Make(body, { headers, status });
  } catch {
    return Object.defineProperty(new Make(body, { status }), 'headers', { value: headers });
  }
}

/**
 * Copies properties that the Response constructor does not accept. Clones would lose them, so `clone` is replaced too.
 */
function likeOriginal(copy: Response, original: Response): Response {
  const { url, redirected, type, status, statusText, ok } = original;
  const clone = () => likeOriginal(Object.getPrototypeOf(copy).clone.call(copy), original);
  for (const [name, value] of Object.entries({ url, redirected, type, status, statusText, ok, clone })) {
    Object.defineProperty(copy, name, { value, configurable: true });
  }
  return copy;
}
