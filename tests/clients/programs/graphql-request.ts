/** graphql-request under a policy that judges the errors inside a response with status 200. */
import { circuitBreaker, type Duration, firstOf, guard, type Judge, pipeline, retry, timeout } from 'breakwater';
import { ClientError, GraphQLClient } from 'graphql-request';

const failures: readonly unknown[] = ['INTERNAL_SERVER_ERROR', 'SERVICE_UNAVAILABLE'];

/** The codes of errors are those of Apollo Server and GitHub. Another status than 200 has the default judgement. */
const graphqlErrors: Judge = (outcome) => {
  if (outcome.ok || !(outcome.error instanceof ClientError)) return undefined;
  const { status, errors = [] } = outcome.error.response;
  if (status >= 400) return undefined;
  const codes = errors.map(({ extensions, ...rest }) => extensions?.code ?? ('type' in rest ? rest.type : undefined));
  if (codes.includes('RATE_LIMITED')) return 'throttled';
  return codes.some((code) => failures.includes(code)) ? 'failure' : 'success';
};

/** Only for queries: a mutation must not be repeated. */
export function createClient(url: string, attemptTimeout: Duration = '2s') {
  const classify = firstOf(graphqlErrors);
  const breaker = circuitBreaker({ name: url, classify });
  const policy = pipeline(timeout('10s'), retry({ maxAttempts: 3, classify }), breaker, timeout(attemptTimeout));
  // The first argument of `request` has the document, the variables and the signal.
  const client = guard(new GraphQLClient(url), policy, { methods: ['request'], signal: 0 });
  return { client, health: () => breaker.stats };
}
