import { bulkhead } from 'breakwater';
import { type AdmissionOptions, admissionHandler, admissionMiddleware } from 'breakwater/http-server';
import { type Bench, floor, ours } from './bench.js';
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

/** A request that is admitted, as nearly all are. */
export const bench: Bench = {
  unit: 'request',
  candidates: {
    'no middleware': floor(() => () => exchange(pass, HEADERS)),
    middleware: middleware(),
    '… with limit and deadline': middleware(limited()),
    handler: handler(),
    'handler with limit and deadline': handler(limited()),
  },
  targets: { ns: 2000 },
};
