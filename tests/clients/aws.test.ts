/** `awsErrors` judges what the AWS SDK throws, with a local HTTP server in place of DynamoDB. */
import { DynamoDBClient, GetItemCommand, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import { awsErrors, firstOf } from 'breakwater';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestServer, testServer } from '../support/http-server.js';
import { closedPort, rejectionOf, running, verdictOf } from './support.js';

const classify = firstOf(awsErrors());
let server: TestServer;
let reply: { readonly status: number; readonly type: string; readonly more?: object } | 'reset' | 'hang';

beforeAll(async () => {
  server = await testServer(({ response }) => {
    if (reply === 'reset') response.destroy();
    if (typeof reply === 'string') return undefined;
    const body = JSON.stringify({
      __type: `com.amazonaws.dynamodb.v20120810#${reply.type}`,
      message: 'm',
      ...reply.more,
    });
    return { status: reply.status, headers: { 'content-type': 'application/x-amz-json-1.0' }, body };
  });
});
afterAll(() => server.close());

function clientOf(endpoint: string): DynamoDBClient {
  const credentials = { accessKeyId: 'a', secretAccessKey: 's' };
  return new DynamoDBClient({ endpoint, region: 'eu-west-1', credentials, maxAttempts: 1 });
}

function call(endpoint: string = server.origin, signal?: AbortSignal): Promise<unknown> {
  const command = new GetItemCommand({ TableName: 't', Key: { id: { S: '1' } } });
  return clientOf(endpoint).send(command, signal && { abortSignal: signal });
}

describe('awsErrors with the AWS SDK', () => {
  it.each([
    ['ResourceNotFoundException', 400, 'success'],
    ['ConditionalCheckFailedException', 400, 'success'],
    ['ValidationException', 400, 'success'],
    ['AccessDeniedException', 400, 'success'],
    ['ThrottlingException', 400, 'throttled'],
    ['ProvisionedThroughputExceededException', 400, 'throttled'],
    ['RequestLimitExceeded', 400, 'throttled'],
    ['TransactionInProgressException', 400, 'throttled'],
    ['SlowDown', 503, 'throttled'],
    ['InternalServerError', 500, 'failure'],
    ['ServiceUnavailable', 503, 'failure'],
    ['Unheard', 500, 'failure'],
    ['Unheard', 400, 'success'],
  ] as const)('%s with status %i is judged %s', async (type, status, verdict) => {
    reply = { status, type };
    expect(await verdictOf(classify, call())).toBe(verdict);
  });

  it('a canceled transaction is throttled if it conflicts with another one, and a success if a condition failed', async () => {
    const item = { Put: { TableName: 't', Item: { id: { S: '1' } } } };
    const transact = () => clientOf(server.origin).send(new TransactWriteItemsCommand({ TransactItems: [item] }));
    const canceled = (Code: string) =>
      ({ status: 400, type: 'TransactionCanceledException', more: { CancellationReasons: [{ Code }] } }) as const;
    reply = canceled('TransactionConflict');
    expect(await verdictOf(classify, transact())).toBe('throttled');
    reply = canceled('ConditionalCheckFailed');
    expect(await verdictOf(classify, transact())).toBe('success');
  });

  it('a refused connection and a reset connection are failures (E67)', async () => {
    expect(await verdictOf(classify, call(`http://127.0.0.1:${await closedPort()}`))).toBe('failure');
    reply = 'reset';
    expect(await verdictOf(classify, call())).toBe('failure');
  });

  it('an abort by the signal of the call is ignored', async () => {
    reply = 'hang';
    const controller = new AbortController();
    const error = rejectionOf(call(server.origin, controller.signal));
    controller.abort();
    expect(classify({ ok: false, error: await error }, { ...running, signal: controller.signal })).toBe('ignore');
  });
});
