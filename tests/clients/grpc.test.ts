/** `grpcErrors` judges what @grpc/grpc-js throws, with a real server. */
import * as grpc from '@grpc/grpc-js';
import { constantBackoff, firstOf, grpcErrors, retry, type Verdict } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closedPort, running, silentServer, verdictOf } from './support.js';

const classify = firstOf(grpcErrors());

const text = {
  requestSerialize: (value: string) => Buffer.from(value),
  requestDeserialize: (bytes: Buffer) => bytes.toString(),
  responseSerialize: (value: string) => Buffer.from(value),
  responseDeserialize: (bytes: Buffer) => bytes.toString(),
};
const definition = { call: { path: '/Echo/Call', requestStream: false, responseStream: false, ...text } } as const;
const Echo = grpc.makeGenericClientConstructor(definition, 'Echo');

let server: grpc.Server;
let port: number;

beforeAll(async () => {
  server = new grpc.Server();
  server.addService(definition, {
    call({ request }: { request: string }, respond: grpc.sendUnaryData<string>) {
      const [code, pushback] = request.split(' ');
      if (code === 'hang') return;
      const metadata = new grpc.Metadata();
      if (pushback !== undefined) metadata.set('grpc-retry-pushback-ms', pushback);
      respond({ code: Number(code), details: 'made', metadata });
    },
  });
  port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
});
afterAll(() => server.forceShutdown());

const stub = (to: number) => new Echo(`127.0.0.1:${to}`, grpc.credentials.createInsecure());

type Callback = (error: unknown, value: unknown) => void;
type Call = (request: string, options: grpc.CallOptions, callback: Callback) => grpc.ClientUnaryCall;

function call(client: grpc.Client, request: string, options: grpc.CallOptions = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    (client as unknown as { call: Call }).call(request, options, (error, value) =>
      error ? reject(error) : resolve(value),
    );
  });
}

describe('grpcErrors with @grpc/grpc-js', () => {
  const verdicts: Record<number, Verdict> = {
    ...{ 1: 'ignore', 2: 'failure', 3: 'success', 4: 'failure', 5: 'success', 6: 'success', 7: 'success' },
    ...{ 8: 'throttled', 9: 'success', 10: 'throttled', 11: 'success', 12: 'success', 13: 'failure', 14: 'failure' },
    ...{ 15: 'failure', 16: 'success' },
  };

  it.each(Object.entries(verdicts))('the status code %s is judged %s', async (code, verdict) => {
    const client = stub(port);
    expect(await verdictOf(classify, call(client, code))).toBe(verdict);
    client.close();
  });

  it('a server that forbids a retry makes a failure permanent and a throttled call a success', async () => {
    const client = stub(port);
    expect(await verdictOf(classify, call(client, '14 -1'))).toBe('permanent');
    expect(await verdictOf(classify, call(client, '8 -1'))).toBe('success');
    expect(await verdictOf(classify, call(client, '14 250'))).toBe('failure');
    client.close();
  });

  it('a retry waits at least as long as the server asks for', async () => {
    const client = stub(port);
    const clock = new TestClock();
    const policy = retry({ clock, maxAttempts: 2, backoff: constantBackoff('10ms') });
    const delays: number[] = [];
    policy.on('retry', ({ delayMs }) => {
      delays.push(delayMs);
      clock.advance(delayMs);
    });
    await policy.execute(() => call(client, '14 250')).catch(() => {});
    expect(delays).toEqual([250]);
    client.close();
  });

  it('a refused connection, a silent server and a deadline are failures', async () => {
    await using silent = await silentServer();
    const soon = () => ({ deadline: Date.now() + 200 });
    const clients = [stub(await closedPort()), stub(silent.port), stub(port)] as const;
    expect(await verdictOf(classify, call(clients[0], '5'))).toBe('failure');
    expect(await verdictOf(classify, call(clients[1], '5', soon()))).toBe('failure');
    expect(await verdictOf(classify, call(clients[2], 'hang', soon()))).toBe('failure');
    for (const client of clients) client.close();
  });

  it('a closed channel is ignored', async () => {
    const client = stub(port);
    client.close();
    expect(await verdictOf(classify, call(client, '5'))).toBe('ignore');
    expect(classify({ ok: true, value: { code: 14 } }, running)).toBe('success');
  });
});
