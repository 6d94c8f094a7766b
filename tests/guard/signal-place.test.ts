import { guard, pipeline, retry, type SignalPlace, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';

/** A client whose methods never settle, and record the arguments of each call. */
function hangingClient() {
  const seen: unknown[][] = [];
  const method = (...args: unknown[]): Promise<never> => {
    seen.push(args);
    return new Promise<never>(() => {});
  };
  return { seen, client: { send: method, get: method, post: method, find: method } };
}

type Shape = readonly [
  title: string,
  method: 'send' | 'get' | 'post' | 'find',
  signal: Parameters<typeof guard>[2]['signal'],
  args: (signal: AbortSignal | undefined) => unknown[],
  signalOf: (args: unknown[]) => unknown,
];

type Options = Readonly<Record<string, unknown>>;
const property = (index: number, name: string) => (args: unknown[]) => (args[index] as Options)[name];

/** How clients take a signal: the call of a guarded method, and where the client finds the signal. */
const SHAPES: readonly Shape[] = [
  ['axios.get(url, { signal })', 'get', 1, (signal) => ['/a', { timeout: 5, signal }], property(1, 'signal')],
  [
    'axios.post(url, data, { signal }), beside axios.get(url, { signal })',
    'post',
    { argument: { get: 1, post: 2 } },
    (signal) => ['/a', ['data'], { signal }],
    property(2, 'signal'),
  ],
  [
    'got.get(url, { signal })',
    'get',
    { argument: 1 },
    (signal) => [new URL('http://a.test'), { signal }],
    property(1, 'signal'),
  ],
  [
    'client.send(command, { abortSignal }) of the AWS SDK',
    'send',
    { argument: 1, property: 'abortSignal' },
    (abortSignal) => [{ input: {} }, { abortSignal, requestTimeout: 5 }],
    property(1, 'abortSignal'),
  ],
  [
    'collection.findOne(filter, { signal }) of MongoDB',
    'find',
    1,
    (signal) => [{ name: 'Ada' }, { signal }],
    property(1, 'signal'),
  ],
  ['find(id, signal)', 'find', { argument: 1, property: null }, (signal) => ['a', signal], (args) => args[1]],
  [
    'a function that places the signal in options',
    'send',
    ([command, options], abortSignal) => [command, { ...(options as object), abortSignal }],
    (abortSignal) => ['command', { abortSignal }],
    property(1, 'abortSignal'),
  ],
  [
    'a function that places the signal as an argument',
    'find',
    ([id], signal) => [id, signal],
    (signal) => ['a', signal],
    (args) => args[1],
  ],
];

describe.each(SHAPES)('With %s', (_title, method, signal, args, signalOf) => {
  it('a timeout aborts the signal that the client receives', async () => {
    const clock = new TestClock();
    const { client, seen } = hangingClient();
    const call = guard(client, timeout({ duration: 100, clock }), { methods: ['get', 'post', 'send', 'find'], signal })[
      method
    ](...args(undefined));
    await Promise.all([expect(call).rejects.toMatchObject({ code: 'ERR_TIMEOUT' }), clock.advance(100)]);
    expect(signalOf(seen[0]!)).toMatchObject({ aborted: true });
  });

  it("an abort of the caller's own signal ends the call and its retries, with its reason", async () => {
    const clock = new TestClock();
    const { client, seen } = hangingClient();
    const policy = pipeline(retry({ clock }), timeout({ duration: 100, clock }));
    const controller = new AbortController();
    const reason = new Error('no longer needed');
    const guarded = guard(client, policy, { methods: ['get', 'post', 'send', 'find'], signal });
    const call = guarded[method](...args(controller.signal));
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    await clock.advance(10_000);
    expect(seen).toHaveLength(1);
    expect(signalOf(seen[0]!)).toMatchObject({ aborted: true, reason });
    await expect(guarded[method](...args(controller.signal))).rejects.toBe(reason);
    expect(seen).toHaveLength(1);
  });

  it('the arguments and the options of the caller remain as they are', () => {
    const { client, seen } = hangingClient();
    const own = args(undefined).map((argument) => (typeof argument === 'object' ? Object.freeze(argument) : argument));
    const before = own.map((argument) => (Object.isFrozen(argument) ? { ...(argument as object) } : argument));
    guard(client, retry(), { methods: ['get', 'post', 'send', 'find'], signal })[method](...own);
    own.forEach((argument, at) => {
      if (Object.isFrozen(argument) && typeof argument === 'object') expect({ ...argument }).toEqual(before[at]);
    });
    expect(seen).toHaveLength(1);
  });
});

describe('The place of the signal', () => {
  it('a method without an index receives its arguments unchanged', () => {
    const { client, seen } = hangingClient();
    const guarded = guard(client, retry(), { methods: ['get', 'find'], signal: { argument: { get: 1 } } });
    guarded.find('a', { limit: 1 });
    expect(seen).toEqual([['a', { limit: 1 }]]);
  });

  it.each<[string, unknown]>([
    ['an array', ['data']],
    ['a form', new URLSearchParams('a=b')],
    ['bytes', new Uint8Array(3)],
    ['text', 'data'],
  ])('%s at the place of the options rejects the call, and the method is not called', async (_what, data) => {
    const { client, seen } = hangingClient();
    await expect(guard(client, retry(), { methods: ['post'], signal: 1 }).post('/a', data)).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
      option: 'signal',
    });
    expect(seen).toHaveLength(0);
  });

  it.each<[string, unknown, string]>([
    ['null', null, 'signal'],
    ['an index below 0', { argument: -1 }, 'signal.argument'],
    ['no index', {}, 'signal.argument'],
    ['an index of a method that is not guarded', { argument: { put: 1 } }, 'signal.argument.put'],
    ['an index of a method that is no integer', { argument: { get: 0.5 } }, 'signal.argument.get'],
    ['an empty property', { argument: 1, property: '' }, 'signal.property'],
    ['a property that is no name', { argument: 1, property: 5 }, 'signal.property'],
    ['an unknown option', { argument: 1, name: 'abortSignal' }, 'signal.name'],
  ])('%s is rejected', (_what, signal, option) => {
    const { client } = hangingClient();
    const create = () => guard(client, retry(), { methods: ['get'], signal: signal as SignalPlace });
    expect(create).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', owner: 'guard', option }));
  });

  it('a getter that throws in an argument is not taken for a signal', () => {
    const { client, seen } = hangingClient();
    const argument = {
      get signal(): never {
        throw new Error('a getter has failed');
      },
    };
    guard(client, retry(), { methods: ['get'], signal: (args) => args }).get(argument);
    expect(seen).toEqual([[argument]]);
  });
});
