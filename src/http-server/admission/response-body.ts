import { copyResponse } from '../../core/response-copy.js';

/**
 * Returns the response with a body whose end is reported once: true when it was read completely, false when it has
 * failed or was cancelled. A response without a body, or one that cannot be copied, such as an upgrade, ends at once.
 */
export function whenBodyEnds(response: Response, onEnd: (isFinished: boolean) => void): Response {
  const { body } = response;
  if (body === null || body.locked || response.status < 200) {
    onEnd(true);
    return response;
  }
  const reader = body.getReader();
  const watched = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (!done) {
            controller.enqueue(value);
            return;
          }
          onEnd(true);
          controller.close();
        } catch (error) {
          onEnd(false);
          controller.error(error);
        }
      },
      cancel(reason) {
        onEnd(false);
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
  const copy = copyResponse(response, watched);
  if (copy !== undefined) return copy;
  reader.releaseLock();
  onEnd(true);
  return response;
}
