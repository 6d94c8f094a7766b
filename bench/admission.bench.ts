import underPressure from '@fastify/under-pressure';
import { bulkhead } from 'breakwater';
import { type AdmissionOptions, admissionHandler, admissionMiddleware } from 'breakwater/http-server';
import { type Bench, floor, ours, peer } from './bench.js';
import { exchange } from './exchange.js';

type Options = Pick<AdmissionOptions<[]>, 'limit' | 'deadline'>;

const HEADERS = { 'x-envoy-expected-rq-timeout-ms': '2000' };
const pass = (_request: unknown, _response: unknown, next: () => void) => next();

const limited = (): Options => ({
  limit: bulkhead({ maxConcurrent: 100, maxQueue: 100 }),
  deadline: { margin: '50ms' },
});

const middleware = (options: Options = {}) =>
  ours(() => {
    const admit = admissionMiddleware(options);
    return () => exchange(admit, HEADERS);
  });

const handler = (options: Options = {}) =>
  ours(() => {
    const request = new Request('http://localhost/', { headers: HEADERS });
    const response = new Response(null, { status: 204 });
    const serve = admissionHandler(options)(() => response);
    return () => serve(request);
  });

type Hook = (request: object, response: object, next: () => void) => void;

/** What the plugin uses of Fastify. Fastify itself costs more than ten times what the plugin does. */
type Host = { decorate(): void; addHook(name: string, hook: Hook): void };

/** Compares numbers that a timer has sampled: no limit, no deadline, and no context of the request. */
const pressureHook = peer(async () => {
  const hooks = new Map<string, Hook>();
  const host: Host = { decorate() {}, addHook: (name, hook) => hooks.set(name, hook) };
  const register = underPressure as unknown as (host: Host, options: object) => Promise<void>;
  await register(host, { maxEventLoopDelay: 100, maxHeapUsedBytes: 1e9 });
  const onRequest = hooks.get('onRequest') as Hook;
  const route = { routeOptions: { config: {} } };
  return () => exchange((_request, response, next) => onRequest(route, response, next), HEADERS);
});

/** A request that is admitted, as nearly all are. */
export const bench: Bench = {
  unit: 'request',
  candidates: {
    'no middleware': floor(() => () => exchange(pass, HEADERS)),
    middleware: middleware(),
    '… with limit and deadline': middleware(limited()),
    handler: handler(),
    'handler with limit and deadline': handler(limited()),
    'hook of @fastify/under-pressure': pressureHook,
  },
  targets: { ns: 2000 },
};
