/** A client of the AWS SDK under a policy, without its own retries. Its signal has the name `abortSignal`. */
import { DynamoDBClient, type DynamoDBClientConfig, GetItemCommand, type GetItemInput } from '@aws-sdk/client-dynamodb';
import { awsErrors, circuitBreaker, type Duration, firstOf, pipeline, retry, timeout } from 'breakwater';

export function createClient(config: DynamoDBClientConfig, attemptTimeout: Duration = '2s') {
  const classify = firstOf(awsErrors());
  const breaker = circuitBreaker({ name: 'dynamodb', classify });
  const policy = pipeline(timeout('10s'), retry({ maxAttempts: 3, classify }), breaker, timeout(attemptTimeout));
  const dynamo = new DynamoDBClient({ ...config, maxAttempts: 1 });
  return {
    getItem: (input: GetItemInput, options?: { signal?: AbortSignal }) =>
      policy.execute(({ signal }) => dynamo.send(new GetItemCommand(input), { abortSignal: signal }), options),
    health: () => breaker.stats,
  };
}
