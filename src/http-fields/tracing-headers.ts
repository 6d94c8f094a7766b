/** Request headers that contain only identifiers of a trace or of one request, which differ from request to request. */
const TRACING_HEADERS: ReadonlySet<string> = /* @__PURE__ */ new Set([
  ...['traceparent', 'tracestate', 'b3', 'sentry-trace', 'x-request-id', 'x-correlation-id', 'x-amzn-trace-id'],
]);

/** Whether a request header, in lower case, is added by tracing and changes no response. */
export const isTracingHeader = (name: string): boolean => TRACING_HEADERS.has(name) || name.startsWith('x-b3-');
