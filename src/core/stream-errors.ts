/** The methods of a response that read its body to the end. */
export const BODY_READERS = ['text', 'json', 'arrayBuffer', 'bytes', 'blob', 'formData', 'buffer'] as const;

type Reader = (...args: unknown[]) => Promise<unknown>;
/** A response with the readers that its platform has. */
export type ReadableResponse = Response & { readonly [name in (typeof BODY_READERS)[number]]?: Reader };

/** A body that knows why it has failed. */
export interface FailingBody {
  /** Undefined as long as the body has not failed. */
  readonly failure: { readonly error: unknown } | undefined;
}

/** Undefined until it is known. */
let passesErrors: boolean | undefined;

/**
 * Makes the readers of a response, and those of its clones, reject with the error of the body, as the Fetch standard
 * requires. Chromium rejects with a `TypeError` of its own if the body is a stream that was created by a script. Changes
 * nothing on a platform that follows the standard, once that is known: the first call finds it out.
 */
export function rejectWithStreamError(response: Response, body: FailingBody): Response {
  if (passesErrors === undefined) findOut();
  if (passesErrors === true) return response;
  for (const name of BODY_READERS) {
    const read = (response as ReadableResponse)[name];
    if (typeof read !== 'function') continue;
    const value = async (...args: unknown[]): Promise<unknown> => {
      try {
        return await read.apply(response, args);
      } catch (error) {
        throw body.failure === undefined ? error : body.failure.error;
      }
    };
    Object.defineProperty(response, name, { value, configurable: true });
  }
  const { clone } = response;
  const value = () => rejectWithStreamError(clone.call(response), body);
  return Object.defineProperty(response, 'clone', { value, configurable: true });
}

/** Finds out which error a reader rejects with if the stream of the body fails. */
function findOut(): void {
  passesErrors = false;
  try {
    const reason = new Error('A test of the platform');
    const stream = new ReadableStream({ start: (controller) => controller.error(reason) });
    const onError = (error: unknown): void => {
      passesErrors = error === reason;
    };
    new Response(stream).text().catch(onError);
  } catch {
    // A platform that cannot create such a response needs the wrappers as well.
  }
}
