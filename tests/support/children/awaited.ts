/** Awaits nothing but one timer of ours, which must keep the process alive until it rings. */
import { bulkhead, constantBackoff, resilientFetch, retry, sleep, timeout } from 'breakwater';

const never = () => new Promise<never>(() => {});
const codeOf = (call: Promise<unknown>) => call.catch((error: { code?: string }) => error.code);

const cases: Record<string, () => Promise<unknown>> = {
  backoff: () => {
    const failOnce = ({ attempt }: { attempt: number }) => {
      if (attempt === 1) throw new Error('down');
      return 'tried again';
    };
    return retry({ backoff: constantBackoff(100) }).execute(failOnce);
  },
  timeout: () => codeOf(timeout(100).execute(never)),
  'total timeout': () => codeOf(retry().execute(never, { timeout: 100 })),
  'timeout of a policy in constant use': async () => {
    const policy = timeout(100);
    for (let i = 0; i < 10; i++) await policy.execute(() => i);
    return codeOf(policy.execute(never));
  },
  'queue timeout': () => {
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeout: 100 });
    policy.tryAcquire();
    return codeOf(policy.execute(never));
  },
  'queue timeout of a bulkhead in constant use': async () => {
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeout: 100 });
    for (let i = 0; i < 10; i++) await Promise.all([policy.execute(async () => {}), policy.execute(async () => {})]);
    policy.tryAcquire();
    return codeOf(policy.execute(never));
  },
  'attempt timeout of a fetch': () => {
    const hang = (_url: string): Promise<Response> => never();
    const fetch = resilientFetch({ fetch: hang, attemptTimeout: 50, retry: { maxAttempts: 2, backoff: () => 50 } });
    return codeOf(fetch('http://127.0.0.1:1/'));
  },
  sleep: () => sleep(100).then(() => 'slept'),
};

const [name] = process.argv.slice(2);
if (name === undefined) console.log(JSON.stringify(Object.keys(cases)));
else console.log(await cases[name]?.());
