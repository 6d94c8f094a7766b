import { bulkhead, circuitBreaker, fallback, guard, guarded, pipeline, retry, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import ts from 'typescript';
import { describe, expect, it, vi } from 'vitest';
import { settle } from '../support/promises.js';

/** A client with private state, as drivers have it. */
class Client {
  readonly #rows = new Map([['a', 1]]);
  calls = 0;
  failures = 0;

  async get(key: string): Promise<number | undefined> {
    this.calls++;
    if (this.failures-- > 0) throw new Error('down');
    return this.#rows.get(key);
  }

  async getTwice(key: string): Promise<(number | undefined)[]> {
    return [await this.get(key), await this.get(key)];
  }

  set(key: string, value: number): this {
    this.#rows.set(key, value);
    return this;
  }

  get size(): number {
    return this.#rows.size;
  }

  set capacity(value: number) {
    this.#rows.set('capacity', value);
  }

  get broken(): number {
    throw new Error('a getter has failed');
  }
}

const retrying = () => retry({ backoff: () => 0 });

describe('A guarded method', () => {
  it('a guarded method runs under the policy, with the client itself as this', async () => {
    const client = new Client();
    const guarded = guard(client, retrying(), { methods: ['get'] });
    client.failures = 2;
    expect(await guarded.get('a')).toBe(1);
    expect(client.calls).toBe(3);
  });

  it('the client itself and its internal calls are not guarded', async () => {
    const client = new Client();
    const guarded = guard(client, retrying(), { methods: ['get'] });
    client.failures = 1;
    await expect(client.get('a')).rejects.toThrow('down');
    client.failures = 1;
    await expect(guarded.getTwice('a')).rejects.toThrow('down');
  });

  it('an error that a method throws synchronously rejects the call and is judged', async () => {
    const breaker = circuitBreaker({ consecutiveFailures: 1 });
    const client = {
      find(): Promise<number> {
        throw new Error('down');
      },
    };
    await expect(guard(client, breaker, { methods: ['find'] }).find()).rejects.toThrow('down');
    expect(breaker.state).toBe('open');
  });

  it('a method that returns no promise resolves with its value', async () => {
    const client = { count: (by: number) => by + 1 };
    const result = guard(client, retrying(), { methods: ['count'] }).count(2);
    expect(result).toBeInstanceOf(Promise);
    expect(await result).toBe(3);
  });

  it('a thenable result is awaited once for each attempt', async () => {
    let executions = 0;
    const client = {
      query: () => ({
        then(resolve: (rows: number[]) => void, reject: (error: Error) => void) {
          executions++;
          if (executions === 1) reject(new Error('down'));
          else resolve([executions]);
        },
      }),
    };
    expect(await guard(client, retrying(), { methods: ['query'] }).query()).toEqual([2]);
    expect(executions).toBe(2);
  });

  it('a method that is replaced later is guarded too, and the guarded form is the same at each read', async () => {
    const client = new Client();
    const guarded = guard(client, retrying(), { methods: ['get'] });
    expect(guarded.get).toBe(guarded.get);
    const before = guarded.get;
    const mock = vi.spyOn(client, 'get').mockRejectedValueOnce(new Error('down')).mockResolvedValue(7);
    expect(guarded.get).not.toBe(before);
    expect(await guarded.get('a')).toBe(7);
    expect(mock).toHaveBeenCalledTimes(2);
  });

  it('a value of the policy is added to the result', async () => {
    const client = { load: async (): Promise<number> => Promise.reject(new Error('down')) };
    const result: number | string = await guard(client, fallback('none'), { methods: ['load'] }).load();
    expect(result).toBe('none');
  });

  it('calls of several guarded methods share the policy', async () => {
    const slots = bulkhead({ maxConcurrent: 1 });
    const never = () => new Promise<void>(() => {});
    const client = { read: never, write: never };
    const guarded = guard(client, slots, { methods: ['read', 'write'] });
    guarded.read();
    await expect(guarded.write()).rejects.toMatchObject({ code: 'ERR_BULKHEAD_FULL' });
  });
});

describe('The other members of a guarded client', () => {
  it('private fields, getters, setters and own properties work through the guarded client', () => {
    const client = new Client();
    const guarded = guard(client, retrying(), { methods: ['get'] });
    expect(guarded.size).toBe(1);
    guarded.capacity = 3;
    guarded.calls = 9;
    expect([client.size, client.calls]).toEqual([2, 9]);
    expect(guarded).toBeInstanceOf(Client);
    expect('get' in guarded).toBe(true);
    expect(Object.keys(guarded)).toEqual(['calls', 'failures']);
    expect({ ...guarded }).toEqual({ calls: 9, failures: 0 });
    expect(guarded.constructor).toBe(Client);
  });

  it('a method that returns its client for chaining returns the guarded client', async () => {
    const client = new Client();
    const guarded = guard(client, retrying(), { methods: ['get'] });
    expect(guarded.set('b', 2)).toBe(guarded);
    client.failures = 1;
    expect(await guarded.set('c', 3).get('c')).toBe(3);
    expect(guarded.set).toBe(guarded.set);
  });

  it('a getter that throws throws its own error, and only when it is read', () => {
    const guarded = guard(new Client(), retrying(), { methods: ['get'] });
    expect(() => guarded.broken).toThrow('a getter has failed');
  });

  it('a frozen client can be guarded', async () => {
    let calls = 0;
    const client = Object.freeze({
      async get() {
        if (++calls === 1) throw new Error('down');
        return calls;
      },
      other: () => 'other',
    });
    const guarded = guard(client, retrying(), { methods: ['get'] });
    expect(await guarded.get()).toBe(2);
    expect(guarded.other()).toBe('other');
    expect(Object.getOwnPropertyDescriptor(guarded, 'other')?.configurable).toBe(true);
  });

  it('a client that is a function can be called, and its methods are guarded', async () => {
    let failures = 1;
    const client = Object.assign(async (url: string) => `called ${url}`, {
      async get(url: string) {
        if (failures-- > 0) throw new Error('down');
        return `got ${url}`;
      },
    });
    const guarded = guard(client, retrying(), { methods: ['get'] });
    expect([await guarded('/a'), await guarded.get('/b')]).toEqual(['called /a', 'got /b']);
  });

  it('a guarded client of a guarded client and a client that is a proxy run under all policies', async () => {
    const client = new Client();
    const slots = bulkhead({ maxConcurrent: 1 });
    const inner = guard(client, retrying(), { methods: ['get'] });
    const outer = guard(inner, slots, { methods: ['get'] });
    client.failures = 1;
    const first = outer.get('a');
    await expect(outer.get('a')).rejects.toMatchObject({ code: 'ERR_BULKHEAD_FULL' });
    expect(await first).toBe(1);
    expect([outer.size, client.calls]).toEqual([1, 2]);

    const lazy = new Proxy({} as { find(): Promise<string> }, { get: (_, name) => async () => `lazy ${String(name)}` });
    expect(await guard(lazy, retrying(), { methods: ['find'] }).find()).toBe('lazy find');
  });
});

describe('The signal of a guarded call', () => {
  const clock = new TestClock();
  const hanging = () => {
    const seen: unknown[][] = [];
    return {
      seen,
      client: {
        load: (...args: unknown[]) => {
          seen.push(args);
          return new Promise<never>(() => {});
        },
      },
    };
  };

  it('the argument with the given index gets the signal, and the other options stay', async () => {
    const { client, seen } = hanging();
    const options = Object.freeze({ headers: {} });
    const call = guard(client, timeout({ duration: 100, clock }), { methods: ['load'], signal: 1 }).load('/a', options);
    await Promise.all([expect(call).rejects.toMatchObject({ code: 'ERR_TIMEOUT' }), clock.advance(100)]);
    const [url, passed] = seen[0] as [string, { headers: object; signal: AbortSignal }];
    expect([url, passed.headers, passed.signal.aborted]).toEqual(['/a', options.headers, true]);
  });

  it('an argument that is missing becomes options with the signal', async () => {
    const { client, seen } = hanging();
    const call = guard(client, timeout({ duration: 100, clock }), { methods: ['load'], signal: 2 }).load('/a');
    expect(seen[0]).toEqual(['/a', undefined, { signal: expect.any(AbortSignal) }]);
    await Promise.all([expect(call).rejects.toMatchObject({ code: 'ERR_TIMEOUT' }), clock.advance(100)]);
  });

  it('a signal of the caller in the options aborts the whole call', async () => {
    const { client, seen } = hanging();
    const controller = new AbortController();
    const policy = pipeline(retry({ clock }), timeout({ duration: 100, clock }));
    const call = guard(client, policy, { methods: ['load'], signal: 0 }).load({ signal: controller.signal });
    controller.abort(new Error('no longer needed'));
    await expect(call).rejects.toThrow('no longer needed');
    expect((seen[0]![0] as { signal: AbortSignal }).signal.aborted).toBe(true);
    expect(seen).toHaveLength(1);
  });

  it('a function places the signal', async () => {
    const { client, seen } = hanging();
    const signal = (args: readonly unknown[], abort: AbortSignal, method: PropertyKey) => [...args, method, abort];
    guard(client, retrying(), { methods: ['load'], signal }).load('/a');
    expect(seen[0]).toEqual(['/a', 'load', expect.any(AbortSignal)]);
  });

  it('an argument that is no object rejects the call', async () => {
    const { client } = hanging();
    const guarded = guard(client, retrying(), { methods: ['load'], signal: 0 });
    await expect(guarded.load('/a')).rejects.toThrow('guard: "signal" must be the index of an argument with options');
  });

  it('no signal is created without the option', async () => {
    const create = vi.spyOn(globalThis, 'AbortController');
    await guard(new Client(), retrying(), { methods: ['get'] }).get('a');
    expect(create).not.toHaveBeenCalled();
    create.mockRestore();
  });
});

describe('A method that returns an async iterable', () => {
  const streaming = () => {
    let isClosed = false;
    async function* rows() {
      try {
        yield 1;
        yield 2;
      } finally {
        isClosed = true;
      }
    }
    const iterable = {
      [Symbol.asyncIterator]: () => {
        const iterator = rows();
        const { return: end } = iterator;
        iterator.return = (value) => {
          isClosed = true;
          return end.call(iterator, value);
        };
        return iterator;
      },
    };
    return { client: { now: () => iterable, later: async () => iterable }, isClosed: () => isClosed };
  };

  it.each(['now', 'later'] as const)('the result of %s rejects the call and is closed', async (method) => {
    const { client, isClosed } = streaming();
    const guarded = guard(client, retrying(), { methods: [method] });
    await expect(guarded[method]()).rejects.toMatchObject({ owner: 'guard', option: 'stream' });
    await settle();
    expect(isClosed()).toBe(true);
  });

  it('the iterable is returned if stream is true', async () => {
    const { client } = streaming();
    const guarded = guard(client, retrying(), { methods: ['now'], stream: true });
    const rows: number[] = [];
    for await (const row of await guarded.now()) rows.push(row);
    expect(rows).toEqual([1, 2]);
  });

  it('a getter that throws in a result is not taken for an iterable', async () => {
    const value = {
      get [Symbol.asyncIterator]() {
        throw new Error('do not touch');
      },
    };
    const client = { load: async () => value };
    expect(await guard(client, retrying(), { methods: ['load'] }).load()).toBe(value);
  });
});

describe('The arguments of guard', () => {
  const client = { get: async () => 1, id: 1, nothing: undefined };
  it.each([
    ['a missing method', () => guard(client, retry(), { methods: ['nope' as 'get'] }), '"methods" must name methods'],
    ['a member that is no function', () => guard(client, retry(), { methods: ['id'] }), '"methods" must name methods'],
    ['an undefined member', () => guard(client, retry(), { methods: ['nothing'] }), '"methods" must name methods'],
    [
      'a getter that throws',
      () => guard(new Client(), retry(), { methods: ['broken'] }),
      '"methods" must name methods',
    ],
    ['no method', () => guard(client, retry(), { methods: [] }), '"methods" must be an array of at least one name'],
    ['a single name', () => guard(client, retry(), { methods: 'get' as never }), '"methods" must be an array'],
    ['no options', () => guard(client, retry(), undefined as never), '"methods" must be an array'],
    [
      'no client',
      () => guard(null as never, retry(), { methods: ['get'] }),
      '"client" must be an object or a function',
    ],
    ['no policy', () => guard(client, {} as never, { methods: ['get'] }), '"policy" must be an object with execute'],
    ['a negative index', () => guard(client, retry(), { methods: ['get'], signal: -1 }), '"signal" must be an integer'],
    [
      'stream as a text',
      () => guard(client, retry(), { methods: ['get'], stream: 'yes' as never }),
      '"stream" must be',
    ],
    [
      'an unknown option',
      () => guard(client, retry(), { methods: ['get'], streams: true } as never),
      '"streams" is unknown',
    ],
  ])('%s is rejected', (_name, make, message) => {
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION', owner: 'guard' }));
  });
});

describe('The decorator guarded', () => {
  const slots = bulkhead({ maxConcurrent: 1 });

  // The transformer of vitest does not know decorators.
  const source = `
    class Users {
      #prefix = 'user';
      failures = 0;

      @guarded(retrying())
      async find(id: string): Promise<string> {
        if (this.failures-- > 0) throw new Error('down');
        return this.#prefix + ' ' + id;
      }

      @guarded(slots)
      static async count(): Promise<number> {
        return 1;
      }
    }
    return Users;`;
  const compiled = ts.transpile(source, { target: ts.ScriptTarget.ES2022 });
  const Users = new Function('guarded', 'retrying', 'slots', compiled)(guarded, retrying, slots) as {
    new (): { failures: number; find(id: string): Promise<string> };
    count(): Promise<number>;
  };

  it('a decorated method runs under the policy with its own this', async () => {
    const users = new Users();
    users.failures = 2;
    expect(await users.find('1')).toBe('user 1');
    expect(Object.hasOwn(Users.prototype, 'find')).toBe(true);
  });

  it('all instances share the policy, and a static method can be decorated', async () => {
    const [first, second] = await Promise.allSettled([Users.count(), Users.count()]);
    expect([first?.status, second?.status]).toEqual(['fulfilled', 'rejected']);
  });

  it.each([
    ['a field', () => guarded(retry())(undefined as never, { kind: 'field' } as never)],
    ['a class', () => guarded(retry())(Users as never, { kind: 'class' } as never)],
    ['a decorator of experimentalDecorators', () => guarded(retry())(Users.prototype as never, 'find' as never)],
  ])('%s is rejected', (_name, decorate) => {
    expect(decorate).toThrow('guarded: "context" must decorate a method');
  });

  it('a policy that is none is rejected', () => {
    expect(() => guarded({} as never)).toThrow('guarded: "policy" must be an object with execute');
  });
});
