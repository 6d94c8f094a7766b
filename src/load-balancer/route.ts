import type { CallContext } from '../core/call-context.js';
import { ownTermsOf } from '../core/context.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkOptionalFunction, readOptions } from '../core/options.js';
import type { Outcome } from '../core/outcome.js';
import { type AttemptSettings, Attempts } from './attempts.js';

/** The part of a request that routing uses. */
export interface RoutedRequest {
  /** The URL of the request before routing. */
  readonly url: URL;
}

/** The options of `LoadBalancer.route`. */
export interface RouteOptions {
  /** Returns the key of a request, for pickers that use a key and for zones. @defaultValue none */
  readonly key?: ((request: RoutedRequest) => string) | undefined;
  /**
   * Returns the URL of a request on a node.
   * @defaultValue the node's name as the base URL; path and query of the request are appended to its path
   */
  readonly url?: ((node: string, request: RoutedRequest) => string | URL) | undefined;
}

/** Returns the URL for an attempt, and a function to report its outcome. */
export type NodeRoute = (
  request: RoutedRequest,
  context: CallContext,
) => { readonly url: string | URL; readonly release: (outcome: Outcome) => void };

/** Creates the function that `LoadBalancer.route` returns. */
export function routeBy(settings: AttemptSettings, options: RouteOptions | undefined): NodeRoute {
  const own = readOptions<RouteOptions>('LoadBalancer.route', options, { key: undefined, url: undefined });
  const key = checkOptionalFunction('LoadBalancer.route', 'key', own.key);
  const url = checkOptionalFunction('LoadBalancer.route', 'url', own.url) ?? onNode;
  /** The attempts by call. A call without terms of its own is recognised by its request object. */
  const calls = new WeakMap<object, Attempts>();
  return (request, context) => {
    const call = ownTermsOf(context) ?? request;
    const attempts = calls.get(call) ?? new Attempts(settings);
    calls.set(call, attempts);
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
    const rule = 'must be a URL if the options of route have no "url"';
    throw new InvalidOptionError('LoadBalancer', 'node', rule, node);
  }
  const target = new URL(node);
  target.pathname = `${target.pathname.replace(/\/$/, '')}${url.pathname}`;
  target.search = url.search;
  return target;
}
