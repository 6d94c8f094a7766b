import type { OutgoingResponse } from './middleware.js';
import type { ProblemResponse } from './problem.js';

/** Answers a request with a problem document. A response that has already begun is cut off instead. */
export function respond(response: OutgoingResponse, { status, headers, body }: ProblemResponse): void {
  if (response.headersSent) {
    // Destroying it shows the client that it is incomplete.
    if (!response.writableEnded) response.destroy();
    return;
  }
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.end(body);
}

/** Returns a problem document as a `Response`. */
export function toResponse({ status, headers, body }: ProblemResponse): Response {
  return new Response(body, { status, headers });
}
