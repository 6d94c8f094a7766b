import {
  awsErrors,
  type CallContext,
  CircuitOpenError,
  circuitBreaker,
  firstOf,
  grpcErrors,
  type Judge,
  mongoErrors,
  nodeErrors,
  pipeline,
  prismaErrors,
  redisErrors,
  retry,
  sqlErrors,
  TimeoutError,
  type Verdict,
} from 'breakwater';
import { describe, expect, it } from 'vitest';

const context = { signal: new AbortController().signal } as CallContext;
const made = (properties: object, message = 'x') => Object.assign(new Error(message), properties);
const judgement = (judge: Judge, error: unknown) => judge({ ok: false, error }, context);

const judges = {
  sqlErrors: sqlErrors(),
  grpcErrors: grpcErrors(),
  awsErrors: awsErrors(),
  prismaErrors: prismaErrors(),
  mongoErrors: mongoErrors(),
  redisErrors: redisErrors(),
  nodeErrors: nodeErrors(),
};

const metadata = {};
const samples: [keyof typeof judges, string, object, Verdict][] = [
  ['sqlErrors', 'a duplicate key of mysql2', { code: 'ER_DUP_ENTRY', errno: 1062, sqlState: '23000' }, 'success'],
  ['sqlErrors', 'a deadlock of mysql2', { code: 'ER_LOCK_DEADLOCK', errno: 1213, sqlState: '40001' }, 'throttled'],
  ['sqlErrors', 'a lock timeout of mysql2', { errno: 1205, sqlState: 'HY000' }, 'throttled'],
  ['sqlErrors', 'a read-only server of mysql2', { errno: 1290, sqlState: 'HY000' }, 'failure'],
  ['sqlErrors', 'too many connections of mysql2', { errno: 1040, sqlState: '08004' }, 'failure'],
  ['sqlErrors', 'a lost connection of mysql2', { code: 'PROTOCOL_CONNECTION_LOST', fatal: true }, 'failure'],
  ['sqlErrors', 'a closed connection of mysql2', { code: 'PROTOCOL_ENQUEUE_AFTER_QUIT' }, 'ignore'],
  ['sqlErrors', 'an ended client of postgres.js', { code: 'CONNECTION_ENDED' }, 'ignore'],
  ['sqlErrors', 'a connect timeout of postgres.js', { code: 'CONNECT_TIMEOUT' }, 'failure'],
  ['sqlErrors', 'a busy SQLite', { code: 'SQLITE_BUSY_SNAPSHOT' }, 'throttled'],
  ['sqlErrors', 'a constraint of SQLite', { code: 'SQLITE_CONSTRAINT_UNIQUE' }, 'success'],
  ['sqlErrors', 'a full disk under SQLite', { code: 'SQLITE_FULL' }, 'failure'],
  ['sqlErrors', 'a locked table of node:sqlite', { code: 'ERR_SQLITE_ERROR', errcode: 6 + 256 }, 'throttled'],
  ['sqlErrors', 'a constraint of node:sqlite', { code: 'ERR_SQLITE_ERROR', errcode: 2067 }, 'success'],
  ['grpcErrors', 'an error of nice-grpc', { code: 5, details: 'no', path: '/a/b' }, 'success'],
  ['grpcErrors', 'an error of Connect', { name: 'ConnectError', code: 14, metadata: new Headers() }, 'failure'],
  [
    'grpcErrors',
    'an error of Connect without a retry',
    { name: 'ConnectError', code: 14, metadata: new Headers({ 'grpc-retry-pushback-ms': '-1' }) },
    'permanent',
  ],
  ['awsErrors', 'a service error without a status', { $fault: 'server', name: 'Unheard' }, 'failure'],
  ['awsErrors', 'a mistake without a status', { $fault: 'client', name: 'Unheard' }, 'success'],
  ['awsErrors', 'a retryable error', { $metadata: {}, $retryable: {}, name: 'X' }, 'failure'],
  ['awsErrors', 'a throttling trait', { $metadata: {}, $retryable: { throttling: true }, name: 'X' }, 'throttled'],
  ['prismaErrors', 'an unreachable database', { clientVersion: '6', errorCode: 'P1001' }, 'failure'],
  ['prismaErrors', 'an exhausted pool', { clientVersion: '6', code: 'P2024' }, 'failure'],
  [
    'prismaErrors',
    'a raw query of Prisma 6',
    { clientVersion: '6', code: 'P2010', meta: { code: '40001' } },
    'throttled',
  ],
  ['redisErrors', 'a cluster without nodes', { name: 'ClusterAllFailedError' }, 'failure'],
  ['nodeErrors', 'too many open files', { code: 'EMFILE', errno: -24, syscall: 'open' }, 'throttled'],
  ['nodeErrors', 'an invalid certificate', { code: 'CERT_HAS_EXPIRED' }, 'permanent'],
  ['nodeErrors', 'a DNS name without the record', { code: 'ENODATA', syscall: 'queryMx' }, 'success'],
];

describe('The judges', () => {
  it.each(samples)('%s judges %s', (name, _what, properties, verdict) => {
    expect(judgement(judges[name], made(properties))).toBe(verdict);
  });

  it.each(samples)('%s judges %s inside an error of the application', (name, _what, properties, verdict) => {
    const driver = made(properties);
    expect(judgement(judges[name], new Error('loading the user failed', { cause: driver }))).toBe(verdict);
    expect(judgement(judges[name], made({ driverError: driver }))).toBe(verdict);
    expect(judgement(judges[name], made({ original: driver }))).toBe(verdict);
  });

  // E59: codes of one library that look like the codes of another.
  it.each([
    ['a DOMException', new DOMException('no', 'DataCloneError')],
    ['an error of Kafka', made({ name: 'KafkaJSProtocolError', code: 5, type: 'LEADER_NOT_AVAILABLE' })],
    ['an exit code', made({ code: 14, killed: false, cmd: 'x' })],
    ['a code of SMTP', made({ code: 'EENVELOPE', responseCode: 550, command: 'RCPT TO' })],
    ['a five letter code', made({ code: 'E_FOO' })],
    ['a code of five capitals without a severity', made({ code: 'ABCDE' })],
    ['a status', made({ status: 404 })],
    ['a message', new Error('READONLY You cannot write')],
    ['a string', 'ECONNREFUSED'],
    ['a number', 14],
    ['null', null],
    ['undefined', undefined],
  ])('no judge has a verdict for %s', (_name, error) => {
    const verdicts = Object.entries(judges).map(([name, judge]) => [name, judgement(judge, error)]);
    expect(verdicts.filter(([, verdict]) => verdict !== undefined)).toEqual([]);
  });

  it('no judge has a verdict for a value', () => {
    for (const judge of Object.values(judges)) {
      expect(judge({ ok: true, value: made({ clientVersion: '7', code: 'P2034' }) }, context)).toBeUndefined();
    }
  });

  it('no judge throws for an error whose getters throw, or whose causes form a cycle', () => {
    const hostile = new Proxy(new Error('hostile'), {
      get() {
        throw new Error('a getter has failed');
      },
    });
    const cycle = made({ cause: undefined as unknown });
    cycle.cause = made({ cause: cycle, driverError: cycle });
    const halfHostile = {
      name: 'MongoServerError',
      code: 14,
      details: '',
      metadata: {
        get() {
          throw new Error('a method has failed');
        },
      },
      hasErrorLabel() {
        throw new Error('a method has failed');
      },
    };
    for (const judge of Object.values(judges)) {
      expect(judgement(judge, hostile)).toBeUndefined();
      expect(judgement(judge, cycle)).toBeUndefined();
      expect(() => judgement(judge, halfHostile)).not.toThrow();
    }
  });

  it('an error of this package has no verdict, although its cause is an error of the driver', () => {
    const cause = made({ severity: 'ERROR', code: '40001' });
    const open = new CircuitOpenError({ policy: 'p', retryAfterMs: 1, cause });
    expect(judgement(judges.sqlErrors, open)).toBeUndefined();
    expect(judgement(judges.sqlErrors, new Error('wrapped', { cause: open }))).toBeUndefined();
  });

  it('a status that is a string says nothing to awsErrors', () => {
    expect(judgement(judges.awsErrors, made({ $metadata: { httpStatusCode: '500' }, name: 'X' }))).toBeUndefined();
    expect(judgement(judges.awsErrors, made({ $metadata: { httpStatusCode: 404 }, name: 'X', metadata }))).toBe(
      'success',
    );
  });
});

describe('firstOf', () => {
  it('the first judge with a verdict decides, and defaultClassify decides without one', () => {
    const classify = firstOf(
      () => undefined,
      (outcome) => (outcome.ok ? 'failure' : undefined),
      () => 'permanent',
    );
    expect(classify({ ok: true, value: 1 }, context)).toBe('failure');
    expect(classify({ ok: false, error: 1 }, context)).toBe('permanent');
    const byDefault = firstOf(sqlErrors(), redisErrors());
    expect(byDefault({ ok: true, value: 1 }, context)).toBe('success');
    expect(byDefault({ ok: false, error: made({ status: 404 }) }, context)).toBe('success');
    expect(byDefault({ ok: false, error: made({ status: 429 }) }, context)).toBe('throttled');
    expect(byDefault({ ok: false, error: new TimeoutError({ policy: 'p', timeoutMs: 1 }) }, context)).toBe('failure');
    expect(firstOf()({ ok: false, error: new TypeError('x is not a function') }, context)).toBe('ignore');
  });

  it.each([undefined, null, 'sql', {}])('firstOf rejects %s as a judge', (judge) => {
    expect(() => firstOf(sqlErrors(), judge as never)).toThrow('firstOf: "judges" must all be functions');
  });

  it('a deadlock is retried without harm to the breaker, and a syntax error is neither retried nor counted', async () => {
    const classify = firstOf(sqlErrors());
    const breaker = circuitBreaker({ consecutiveFailures: 1, classify });
    const policy = pipeline(retry({ classify, backoff: () => 0, maxAttempts: 3 }), breaker);
    const attempts: Record<string, number> = {};
    for (const code of ['40P01', '42601']) {
      const query = () => {
        attempts[code] = (attempts[code] ?? 0) + 1;
        throw made({ severity: 'ERROR', code });
      };
      await expect(policy.execute(query)).rejects.toMatchObject({ code });
    }
    expect(attempts).toEqual({ '40P01': 3, '42601': 1 });
    expect(breaker.state).toBe('closed');
  });
});
