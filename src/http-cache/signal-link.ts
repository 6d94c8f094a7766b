import { AbortLink, type AbortScope, scopeOf } from '../core/abort-scope.js';
import { releaseWhenDropped } from './release-when-dropped.js';
import type { NodeStream } from './response-shape.js';

/**
 * Aborts the scope of a response that is passed on unchanged when the caller aborts. Used for bodies that are Node.js
 * streams, such as `node-fetch`'s. The link to the signal ends when the body ends or the response is garbage collected.
 */
export function followWhileRead(response: Response, signal: AbortSignal, scope: AbortScope): void {
  const body = response.body as Partial<NodeStream> | null;
  if (body === null || signal.aborted) return;
  const link = new AbortLink(scope);
  scopeOf(signal).enter(link);
  body.once?.('close', () => link.leave());
  releaseWhenDropped(response, { link });
}
