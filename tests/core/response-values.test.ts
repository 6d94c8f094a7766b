/** Responses of undici.request: values with a `statusCode`, which the default judgement reads in every policy. */
import { bulkhead, circuitBreaker, fallback, keyed, pipeline, retry, timeout } from 'breakwater';
import { describe, expect, it } from 'vitest';

const immediately = { backoff: () => 0 };

/** An operation that answers with the status codes, one after the other; the last one is repeated. */
function answering(...statusCodes: readonly number[]) {
  let calls = 0;
  const operation = async () => ({ statusCode: statusCodes[Math.min(calls++, statusCodes.length - 1)] });
  return { operation, count: () => calls };
}

describe('A value with an HTTP error status', () => {
  it.each([
    [503, 3],
    [408, 3],
    [429, 3],
    [501, 1],
    [404, 1],
    [200, 1],
  ])('a value with status %i is attempted %i times by a retry', async (status, attempts) => {
    const alone = answering(status);
    expect(await retry(immediately).execute(alone.operation)).toEqual({ statusCode: status });
    const inPipeline = answering(status);
    await pipeline(timeout('1s'), retry(immediately), bulkhead({ maxConcurrent: 1 })).execute(inPipeline.operation);
    expect([alone.count(), inPipeline.count()]).toEqual([attempts, attempts]);
  });

  it('a retry returns the first good value', async () => {
    expect(await retry(immediately).execute(answering(503, 200).operation)).toEqual({ statusCode: 200 });
  });

  it.each([
    [503, 'open'],
    [408, 'open'],
    [501, 'closed'],
    [429, 'closed'],
    [404, 'closed'],
  ])('a breaker that gets values with status %i is %s, alone and in a bracket', async (status, state) => {
    const rules = { consecutiveFailures: 2 };
    const [alone, inside, outside] = [circuitBreaker(rules), circuitBreaker(rules), circuitBreaker(rules)];
    const family = keyed(() => circuitBreaker(rules));
    for (let call = 0; call < 2; call++) {
      await alone.execute(answering(status).operation);
      await pipeline(timeout('1s'), inside).execute(answering(status).operation);
      await pipeline(outside, timeout('1s')).execute(answering(status).operation);
      await family.execute(answering(status).operation, { key: 'a' });
    }
    const states = [alone, inside, outside, family.for('a')].map((breaker) => breaker.state);
    expect(states).toEqual([state, state, state, state]);
  });

  it('a fallback replaces a value with status 503', async () => {
    expect(await fallback('cached').execute(answering(503).operation)).toBe('cached');
  });

  it('the window of a breaker counts bad values as failures', async () => {
    const breaker = circuitBreaker();
    for (const status of [200, 503, 404]) await breaker.execute(answering(status).operation);
    expect(breaker.stats).toMatchObject({ calls: 3, failures: 1 });
  });

  it('a value whose statusCode throws is a success', async () => {
    const hostile = Object.defineProperty({}, 'statusCode', {
      get() {
        throw new Error('hostile');
      },
    });
    const breaker = circuitBreaker({ consecutiveFailures: 1 });
    expect(await pipeline(retry(immediately), breaker).execute(async () => hostile)).toBe(hostile);
    expect(breaker.state).toBe('closed');
  });
});
