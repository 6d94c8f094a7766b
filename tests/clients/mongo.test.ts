/** `mongoErrors` judges the errors of the MongoDB driver: its own ones, and its class for the errors of a server. */
import { firstOf, mongoErrors, type Verdict } from 'breakwater';
import { MongoClient, MongoServerError } from 'mongodb';
import { describe, expect, it } from 'vitest';
import { closedPort, running, silentServer, verdictOf } from './support.js';

const classify = firstOf(mongoErrors());
const serverError = (code: number, errorLabels: string[] = []) =>
  new MongoServerError({ message: 'm', code, errorLabels });

const connect = (port: number) =>
  new MongoClient(`mongodb://127.0.0.1:${port}/`, { serverSelectionTimeoutMS: 100, connectTimeoutMS: 50 });

describe('mongoErrors with the MongoDB driver', () => {
  it.each([
    ['a duplicate key', serverError(11000), 'success'],
    ['a missing permission', serverError(13), 'success'],
    ['a failed validation', serverError(121), 'success'],
    ['a write conflict', serverError(112), 'throttled'],
    ['a transient error of a transaction', serverError(251, ['TransientTransactionError']), 'throttled'],
    ['a server that is no primary', serverError(10107, ['RetryableWriteError']), 'failure'],
    ['a shutdown', serverError(91), 'failure'],
    ['an exceeded time limit', serverError(50), 'failure'],
    ['an overloaded server', serverError(462, ['SystemOverloadedError']), 'failure'],
  ] as const)('%s is judged as documented', (_name, error, verdict: Verdict) => {
    expect(classify({ ok: false, error }, running)).toBe(verdict);
  });

  it('a refused connection and a silent server are failures', async () => {
    await using silent = await silentServer();
    for (const port of [await closedPort(), silent.port]) {
      const client = connect(port);
      expect(await verdictOf(classify, client.db('a').collection('b').findOne({}))).toBe('failure');
      await client.close();
    }
  });

  it('an invalid argument is ignored', async () => {
    expect(await verdictOf(classify, new Promise(() => new MongoClient('mongo://127.0.0.1')))).toBe('ignore');
  });
});
