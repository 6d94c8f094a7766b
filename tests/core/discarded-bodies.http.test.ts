import { fallback, retry } from 'breakwater';
import { Agent, request } from 'undici';
import { expect, it } from 'vitest';
import { inOrder, testServer } from '../support/http-server.js';

it('a retry drops the bodies of bad responses of undici.request, so that their connection is used again', async () => {
  const body = 'x'.repeat(120_000);
  await using server = await testServer(inOrder({ status: 503, body }, { status: 503, body }, { body: 'well' }));
  const dispatcher = new Agent({ connections: 1 });
  const response = await retry({ backoff: () => 0 }).execute(({ signal }) =>
    request(server.origin, { dispatcher, signal, headersTimeout: 5_000 }),
  );
  expect([response.statusCode, await response.body.text(), server.sockets.used]).toEqual([200, 'well', 1]);
  await dispatcher.close();
});

it('the last bad response of undici.request is returned with its body', async () => {
  await using server = await testServer(() => ({ status: 503, body: 'the reason' }));
  const response = await retry({ maxAttempts: 2, backoff: () => 0 }).execute(() => request(server.origin));
  expect([response.statusCode, await response.body.text()]).toEqual([503, 'the reason']);
});

it('a fallback drops the body of a bad response of undici.request that a value replaces', async () => {
  const body = 'x'.repeat(120_000);
  await using server = await testServer(inOrder({ status: 503, body }, { body: 'well' }));
  const dispatcher = new Agent({ connections: 1 });
  const send = () => request(server.origin, { dispatcher, headersTimeout: 5_000 });
  expect(await fallback('cached').execute(send)).toBe('cached');
  expect([await (await send()).body.text(), server.sockets.used]).toEqual(['well', 1]);
  await dispatcher.close();
});

it('the answer function of a fallback may read the body of the bad response', async () => {
  await using server = await testServer(() => ({ status: 503, body: 'the reason' }));
  const policy = fallback(
    async (outcome) => outcome.ok && (outcome.value as Awaited<ReturnType<typeof request>>).body.text(),
  );
  expect(await policy.execute(() => request(server.origin))).toBe('the reason');
});
