import assert from 'node:assert/strict';
import { deadlineHeader } from 'breakwater/overload';
import { inOrder } from '../../support/http-server.js';
import type { Scenarios } from './scenario.js';

const FIELD = 'x-envoy-expected-rq-timeout-ms';
const BAD = { status: 503, body: 'bad' };

/** What is sent of the deadline of a request. */
export const deadlines: Scenarios = {
  'sends the time that is left for each attempt, with header fields in every form': async (bench) => {
    const { undici, server, guarded } = bench;
    const { origin, requests } = await server(inOrder(BAD, { body: 'good' }));
    const options = {
      timeout: '20s',
      attemptTimeout: '5s',
      propagateDeadline: deadlineHeader({ margin: '1s' }),
    } as const;
    const dispatcher = guarded(options);
    const { body } = await undici.request(origin, { dispatcher, headers: { 'x-own': 'a' } });
    assert.equal(await body.text(), 'good');
    const forms = [['x-own', 'a'], new Map([['x-own', 'a']]), {}];
    for (const headers of forms) {
      const response = await undici.request(origin, { dispatcher, headers });
      await response.body.dump();
    }
    assert.equal(requests.length, 5);
    for (const { headers } of requests) {
      const ms = Number(headers[FIELD]);
      assert.ok(ms > 3000 && ms <= 4000, `less than the 5 s of an attempt, minus the margin: ${ms}`);
    }
    assert.deepEqual(
      requests.map(({ headers }) => headers['x-own']),
      ['a', 'a', 'a', 'a', undefined],
    );
  },

  'replaces a larger deadline of the caller, and keeps a smaller one': async ({ undici, server, guarded }) => {
    const { origin, requests } = await server(inOrder({ body: 'good' }));
    const dispatcher = guarded({ timeout: '20s', attemptTimeout: '5s', propagateDeadline: deadlineHeader() });
    const larger = [{ [FIELD.toUpperCase()]: '60000' }, [FIELD, '60000'], new Map([[FIELD, '60000']])];
    const smaller = [{ [FIELD]: '40' }, [FIELD, '40'], new Map([[FIELD, '40']])];
    for (const headers of [...larger, ...smaller]) {
      const { body } = await undici.request(origin, { dispatcher, headers });
      await body.dump();
    }
    const sent = requests.map(({ headers }) => Number(headers[FIELD]));
    for (const ms of sent.slice(0, 3)) assert.ok(ms > 3000 && ms <= 5000, `of the attempt: ${ms}`);
    assert.deepEqual(sent.slice(3), [40, 40, 40]);
  },

  'sends no request whose caller waits no longer than the margin, and no deadline by default': async (bench) => {
    const { undici, server, guarded } = bench;
    const { origin, requests } = await server(inOrder({ body: 'good' }));
    const late = guarded({ timeout: '1s', propagateDeadline: deadlineHeader({ margin: '2s' }) });
    await assert.rejects(undici.request(origin, { dispatcher: late }), { code: 'ERR_DEADLINE', policy: 'resilient' });
    assert.equal(requests.length, 0);
    const { body } = await undici.request(origin, { dispatcher: guarded({ timeout: '1s' }) });
    await body.dump();
    assert.equal(requests[0]?.headers[FIELD], undefined);
  },
};
