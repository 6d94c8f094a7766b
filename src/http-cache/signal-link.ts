import { AbortNode, type AbortScope, scopeOf } from '../core/abort-scope.js';
import { releaseWhenDropped } from './release-when-dropped.js';
import type { NodeStream } from './response-shape.js';

/** Aborts a scope when the signal does in whose list it is. */
class SignalLink extends AbortNode {
  readonly #target: AbortScope;

  constructor(target: AbortScope) {
    super();
    this.#target = target;
  }

  onAbort(reason: unknown, signals: AbortController[]): void {
    this.#target.onAbort(reason, signals);
  }
}

/**
 * Lets the abort of a caller reach the body of a response that is passed on as it is, such as `node-fetch`'s, whose body
 * is a stream of Node's. The link to the signal ends with the body, or when the response is dropped.
 */
export function followWhileRead(response: Response, signal: AbortSignal, scope: AbortScope): void {
  const body = response.body as Partial<NodeStream> | null;
  if (body === null || signal.aborted) return;
  const link = new SignalLink(scope);
  scopeOf(signal).enter(link);
  body.once?.('close', () => link.leave());
  releaseWhenDropped(response, { link });
}
