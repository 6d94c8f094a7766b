import type { CallContext } from '../core/call-context.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkOptionalFunction, readOptions } from '../core/options.js';
import type { Outcome } from '../core/outcome.js';
import { type AttemptSettings, Attempts } from './attempts.js';

/** The part of a request that matters here. */
export interface RoutedRequest {
  readonly url: URL;
}

export interface RouteOptions {
  /** The key of a request, for pickers that go by one, and for zones. @defaultValue none */
  readonly key?: ((request: RoutedRequest) => string) | undefined;
  /**
   * Where a request goes on a node.
   * @defaultValue the node's name as the base, with the path and query of the request after its own path
   */
  readonly url?: ((node: string, request: RoutedRequest) => string | URL) | undefined;
}

/** Where a try goes, and whom to tell how it went. */
export type NodeRoute = (
  request: RoutedRequest,
  context: CallContext,
) => { readonly url: string | URL; readonly release: (outcome: Outcome) => void };

export function routeBy(settings: AttemptSettings, options: RouteOptions | undefined): NodeRoute {
  const own = readOptions<RouteOptions>('LoadBalancer.route', options, { key: undefined, url: undefined });
  const key = checkOptionalFunction('LoadBalancer.route', 'key', own.key);
  const url = checkOptionalFunction('LoadBalancer.route', 'url', own.url) ?? onNode;
  /** By request, which is the same for all tries of a call; they are forgotten together. */
  const calls = new WeakMap<RoutedRequest, Attempts>();
  return (request, context) => {
    const attempts = calls.get(request) ?? new Attempts(settings);
    calls.set(request, attempts);
    const dispatch = attempts.begin(key?.(request));
    settings.emitPending();
    try {
      return { url: url(dispatch.node, request), release: (outcome) => attempts.end(dispatch, outcome, context) };
    } catch (error) {
      dispatch.end(undefined);
      throw error;
    }
  };
}

function onNode(node: string, { url }: RoutedRequest): URL {
  if (!URL.canParse(node)) {
    throw new InvalidOptionError('LoadBalancer', 'node', 'must be a URL when no "url" is given to route', node);
  }
  const target = new URL(node);
  target.pathname = `${target.pathname.replace(/\/$/, '')}${url.pathname}`;
  target.search = url.search;
  return target;
}
