import { runInNewContext } from 'node:vm';
import { bulkhead, pipeline, resilientFetch, retry } from 'breakwater';
import { describe, expect, it } from 'vitest';

/** The request of each attempt, recorded when it was sent. */
interface Sent {
  readonly url: string;
  readonly method: string;
  readonly headers: [string, string][];
  readonly body: string;
}

/** A fetch that returns 503 for a number of times and then 200. Each attempt takes a few microtasks. */
function recordingFetch(failures: number) {
  const sent: Sent[] = [];
  const raw: [input: unknown, init: RequestInit][] = [];
  const fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    raw.push([input, init]);
    const request = new Request(input, { ...init, ...(init.body instanceof ReadableStream ? { duplex: 'half' } : {}) });
    const { url, method, headers } = request;
    sent.push({
      url,
      method,
      headers: [...headers].filter(([name]) => name.startsWith('x-')),
      body: await request.text(),
    });
    return new Response('answer', { status: sent.length > failures ? 200 : 503 });
  };
  return { sent, raw, fetch };
}

const retryAtOnce = { maxAttempts: 3, backoff: () => 0 } as const;
const URL_A = 'https://a.test/';

describe('The arguments of a call', () => {
  it.each<[string, () => [HeadersInit, (name: string, value: string) => void]]>([
    [
      'Headers',
      () => {
        const headers = new Headers({ 'x-tenant': 'ada' });
        return [headers, (name, value) => headers.set(name, value)];
      },
    ],
    [
      'a record',
      () => {
        const headers: Record<string, string> = { 'x-tenant': 'ada' };
        return [
          headers,
          (name, value) => {
            headers[name] = value;
          },
        ];
      },
    ],
    [
      'pairs',
      () => {
        const headers: [string, string][] = [['x-tenant', 'ada']];
        return [
          headers,
          (name, value) => {
            headers[0] = [name, value];
            headers.push(['x-late', '1']);
          },
        ];
      },
    ],
    [
      'pairs changed in place',
      () => {
        const headers: [string, string][] = [['x-tenant', 'ada']];
        return [
          headers,
          (_name, value) => {
            headers[0]![1] = value;
          },
        ];
      },
    ],
    [
      'a Map',
      () => {
        const headers = new Map([['x-tenant', 'ada']]);
        return [headers as unknown as HeadersInit, (name, value) => headers.set(name, value)];
      },
    ],
  ])('a retry sends the headers of the call, given as %s, and not later changes', async (_what, make) => {
    const { sent, fetch } = recordingFetch(2);
    const [headers, set] = make();
    const answer = resilientFetch({ fetch, retry: retryAtOnce })(URL_A, { headers });
    set('x-tenant', 'bob');
    await answer;
    expect(sent.map((one) => one.headers)).toEqual(Array(3).fill([['x-tenant', 'ada']]));
  });

  it('a retry sends the headers that a Request had at the call', async () => {
    const { sent, fetch } = recordingFetch(1);
    const request = new Request(URL_A, { headers: { 'x-tenant': 'ada' } });
    const answer = resilientFetch({ fetch, retry: retryAtOnce })(request);
    request.headers.set('x-tenant', 'bob');
    await answer;
    expect(sent.map((one) => one.headers)).toEqual([[['x-tenant', 'ada']], [['x-tenant', 'ada']]]);
  });

  it('a retry goes to the URL of the call', async () => {
    const { sent, fetch } = recordingFetch(1);
    const url = new URL('https://a.test/1');
    const answer = resilientFetch({ fetch, retry: retryAtOnce })(url);
    url.pathname = '/2';
    await answer;
    expect(sent.map((one) => one.url)).toEqual(['https://a.test/1', 'https://a.test/1']);
  });

  it('a retry has the method and the other options of the call', async () => {
    const { sent, raw, fetch } = recordingFetch(1);
    const init: RequestInit = { method: 'DELETE', redirect: 'manual' };
    const answer = resilientFetch({ fetch, retry: retryAtOnce })(URL_A, init);
    init.method = 'PUT';
    init.redirect = 'error';
    await answer;
    expect(sent.map((one) => one.method)).toEqual(['DELETE', 'DELETE']);
    expect(raw.map(([, own]) => own.redirect)).toEqual(['manual', 'manual']);
  });

  it.each<[string, () => [BodyInit, () => void], string]>([
    [
      'bytes',
      () => {
        const bytes = new TextEncoder().encode('ada');
        return [bytes, () => void bytes.fill(120)];
      },
      'ada',
    ],
    [
      'an ArrayBuffer',
      () => {
        const bytes = new TextEncoder().encode('ada');
        return [bytes.buffer, () => void bytes.fill(120)];
      },
      'ada',
    ],
    [
      'a DataView',
      () => {
        const bytes = new TextEncoder().encode('.ada.');
        return [new DataView(bytes.buffer, 1, 3), () => void bytes.fill(120)];
      },
      'ada',
    ],
    [
      'URLSearchParams',
      () => {
        const form = new URLSearchParams({ a: 'ada' });
        return [form, () => form.set('a', 'bob')];
      },
      'a=ada',
    ],
  ])('a retry and a queued call send %s with the content at the call', async (_what, make, expected) => {
    const { sent, fetch } = recordingFetch(1);
    const guarded = resilientFetch({ fetch, retry: retryAtOnce, bulkhead: { maxConcurrent: 1, maxQueue: 10 } });
    const calls = ['PUT', 'POST'].map((method) => {
      const [body, change] = make();
      const answer = guarded(URL_A, { method, body });
      change();
      return answer;
    });
    await Promise.all(calls);
    expect(sent.map((one) => `${one.method} ${one.body}`).sort()).toEqual([
      `POST ${expected}`,
      `PUT ${expected}`,
      `PUT ${expected}`,
    ]);
  });

  it('a retry sends the form fields at the call', async () => {
    const { sent, fetch } = recordingFetch(1);
    const form = new FormData();
    form.append('who', 'ada');
    form.append('file', new File(['text'], 'a.txt', { type: 'text/plain' }));
    const answer = resilientFetch({ fetch, retry: retryAtOnce })(URL_A, { method: 'PUT', body: form });
    form.set('who', 'bob');
    await answer;
    for (const { body } of sent) {
      expect(body).toMatch(/name="who"\r\n\r\nada\r\n/);
      expect(body).toMatch(/filename="a.txt"\r\nContent-Type: text\/plain\r\n\r\ntext\r\n/i);
    }
    expect(sent).toHaveLength(2);
  });

  it('calls that wait in the queue of a bulkhead send their own arguments', async () => {
    const { sent, fetch } = recordingFetch(0);
    const guarded = resilientFetch({ fetch, bulkhead: { maxConcurrent: 1, maxQueue: 10 } });
    const url = new URL('https://a.test/0');
    const headers = new Headers();
    const calls = [1, 2, 3].map((number) => {
      url.pathname = `/${number}`;
      headers.set('x-number', String(number));
      return guarded(url, { headers });
    });
    await Promise.all(calls);
    const expected = [1, 2, 3].map((number) => [`https://a.test/${number}`, [['x-number', String(number)]]]);
    expect(sent.map((one) => [one.url, one.headers])).toEqual(expected);
  });

  it('a queued Request keeps its body, and its bodyUsed is true at once, as with fetch', async () => {
    const { sent, fetch } = recordingFetch(0);
    const guarded = resilientFetch({ fetch, bulkhead: { maxConcurrent: 1, maxQueue: 10 } });
    const first = guarded(URL_A);
    const request = new Request(URL_A, { method: 'POST', body: 'mine', headers: { 'x-tenant': 'ada' } });
    const second = guarded(request);
    expect(request.bodyUsed).toBe(true);
    request.headers.set('x-tenant', 'bob');
    await Promise.all([first, second]);
    expect(sent[1]).toMatchObject({ method: 'POST', body: 'mine', headers: [['x-tenant', 'ada']] });
  });

  it('a route that takes time receives and sends the arguments at the call', async () => {
    const { sent, fetch } = recordingFetch(1);
    const seen: string[] = [];
    const route = async (request: { url: URL; init: { headers?: unknown } | undefined }) => {
      await Promise.resolve();
      seen.push(`${request.url.pathname} ${new Headers(request.init?.headers as HeadersInit).get('x-tenant')}`);
      request.url.pathname = '/changed-by-the-route';
      return { url: `https://node.test${seen.at(-1)!.split(' ')[0]}` };
    };
    const url = new URL('https://a.test/1');
    const headers = new Headers({ 'x-tenant': 'ada' });
    const bytes = new TextEncoder().encode('ada');
    const answer = resilientFetch({ fetch, route: route as never, retry: retryAtOnce })(url, {
      method: 'PUT',
      headers,
      body: bytes,
    });
    url.pathname = '/2';
    headers.set('x-tenant', 'bob');
    bytes.fill(120);
    await answer;
    expect(seen).toEqual(['/1 ada', '/1 ada']);
    expect(sent.map((one) => [one.url, one.body])).toEqual(Array(2).fill(['https://node.test/1', 'ada']));
  });

  it('a fetch that adds headers in each attempt neither accumulates them nor changes the headers of the caller', async () => {
    const { sent, fetch } = recordingFetch(2);
    const tracing = (input: string | URL | Request, init: RequestInit = {}) => {
      (init.headers as Headers).append('x-trace', 'id');
      return fetch(input, init);
    };
    const headers = new Headers({ 'x-own': '1' });
    await resilientFetch({ fetch: tracing, retry: retryAtOnce })(URL_A, { headers });
    expect(sent.map((one) => one.headers)).toEqual(
      Array(3).fill([
        ['x-own', '1'],
        ['x-trace', 'id'],
      ]),
    );
    expect([...headers]).toEqual([['x-own', '1']]);
  });

  it('a fetch that adds headers to the Request of each attempt does not change the Request of the caller', async () => {
    const { sent, fetch } = recordingFetch(1);
    const tracing = (input: string | URL | Request, init?: RequestInit) => {
      (input as Request).headers.append('x-trace', 'id');
      return fetch(input, init);
    };
    const request = new Request(URL_A);
    await resilientFetch({ fetch: tracing, retry: retryAtOnce })(request);
    expect(sent.map((one) => one.headers)).toEqual([[['x-trace', 'id']], [['x-trace', 'id']]]);
    expect(request.headers.has('x-trace')).toBe(false);
  });

  it('a custom policy that waits before the first attempt does not change the request', async () => {
    const { sent, fetch } = recordingFetch(0);
    const slots = bulkhead({ maxConcurrent: 1, maxQueue: 1 });
    const permit = slots.tryAcquire();
    const headers = new Headers({ 'x-tenant': 'ada' });
    const answer = resilientFetch({ fetch, policy: pipeline(retry(), slots) })(URL_A, {
      method: 'POST',
      headers,
      body: 'b',
    });
    headers.set('x-tenant', 'bob');
    permit?.release();
    await answer;
    expect(sent[0]?.headers).toEqual([['x-tenant', 'ada']]);
  });
});

describe('Mutable request bodies', () => {
  const MIB = 2 ** 20;

  it('a body up to replayLimit is sent again, and a larger body is sent once', async () => {
    for (const [length, replayLimit, attempts] of [
      [MIB, undefined, 3],
      [MIB + 1, undefined, 1],
      [11, 10, 1],
      [10, 10, 3],
      [1, 0, 1],
      [2 * MIB, Infinity, 3],
    ] as const) {
      const { sent, fetch } = recordingFetch(3);
      await resilientFetch({ fetch, retry: retryAtOnce, replayLimit })(URL_A, {
        method: 'PUT',
        body: new Uint8Array(length),
      });
      expect([length, replayLimit, sent.length]).toEqual([length, replayLimit, attempts]);
    }
  });

  it('a body is not copied if its only attempt starts at once', async () => {
    const { raw, fetch } = recordingFetch(0);
    const bytes = new Uint8Array(10);
    await resilientFetch({ fetch, retry: false })(URL_A, { method: 'PUT', body: bytes });
    const large = new Uint8Array(MIB + 1);
    await resilientFetch({ fetch })(URL_A, { method: 'PUT', body: large });
    expect(raw.map(([, init], index) => init.body === [bytes, large][index])).toEqual([true, true]);
  });

  it('a body of any size is copied if its only attempt has to wait', async () => {
    const { sent, fetch } = recordingFetch(0);
    const guarded = resilientFetch({ fetch, bulkhead: { maxConcurrent: 1, maxQueue: 1 } });
    const first = guarded(URL_A);
    const large = new Uint8Array(MIB + 1).fill(97);
    const second = guarded(URL_A, { method: 'PUT', body: large });
    large.fill(98);
    await Promise.all([first, second]);
    expect(sent[1]?.body).toBe('a'.repeat(MIB + 1));
  });

  it('text, Blobs and streams are passed on unchanged', async () => {
    const { raw, fetch } = recordingFetch(0);
    const guarded = resilientFetch({ fetch, bulkhead: { maxConcurrent: 1, maxQueue: 10 } });
    const bodies = ['text', new Blob(['blob']), new Response('stream').body];
    await Promise.all(bodies.map((body) => guarded(URL_A, { method: 'PUT', body, duplex: 'half' } as RequestInit)));
    for (const [index, [, init]] of raw.entries()) expect(init.body === bodies[index]).toBe(true);
  });

  it.each([-1, 1.5, Number.NaN, '1', null])('a replayLimit of %s is rejected', (replayLimit) => {
    const make = () => resilientFetch({ replayLimit: replayLimit as never });
    expect(make).toThrowError(/"replayLimit" must be an integer ≥ 0/);
  });
});

describe('The init of a call', () => {
  const expected = { method: 'PUT', headers: [['x-a', '1']], body: 'body' };
  const members = { method: 'PUT', headers: { 'x-a': '1' }, body: 'body' };

  class WithGetters {
    get method() {
      return 'PUT';
    }
    get headers() {
      return { 'x-a': '1' };
    }
    get body() {
      return 'body';
    }
  }
  const hidden = {};
  for (const [name, value] of Object.entries(members)) Object.defineProperty(hidden, name, { value });

  it.each<[string, RequestInit]>([
    ['a literal', members],
    ['inherited members', Object.create(members)],
    ['members inherited over two levels', Object.create(Object.create(members))],
    ['getters of a class', new WithGetters()],
    ['members that are not enumerable', hidden],
    ['a Proxy of a literal', new Proxy(members, {})],
    [
      'a Proxy with only a get trap',
      new Proxy({}, { get: (_target, name) => (members as Record<string | symbol, unknown>)[name] }),
    ],
    ['no prototype', Object.assign(Object.create(null), members)],
    ['a frozen literal', Object.freeze({ ...members })],
  ])('an init given as %s keeps method, headers and body in each attempt', async (_what, init) => {
    const { sent, fetch } = recordingFetch(1);
    await resilientFetch({ fetch, retry: retryAtOnce })(URL_A, init);
    expect(sent).toMatchObject([expected, expected]);
  });

  it('each getter of an init is read once', async () => {
    const reads: string[] = [];
    const init = new Proxy(new WithGetters(), {
      get(target, name) {
        reads.push(String(name));
        return Reflect.get(target, name);
      },
    });
    const { fetch } = recordingFetch(2);
    await resilientFetch({ fetch, retry: retryAtOnce })(URL_A, init);
    for (const name of ['method', 'headers', 'body', 'signal'])
      expect(reads.filter((one) => one === name)).toHaveLength(1);
  });

  it('a getter that throws rejects the call with its error, and no request is sent', async () => {
    const broken = new TypeError('the getter is broken');
    const init = {
      get headers(): HeadersInit {
        throw broken;
      },
    };
    const { sent, fetch } = recordingFetch(0);
    await expect(resilientFetch({ fetch })(URL_A, init)).rejects.toBe(broken);
    expect(sent).toEqual([]);
  });

  it('platform-specific members are kept, and methods of a class are not', async () => {
    class Base {
      get agent() {
        return 'agent';
      }
    }
    class WithAgent extends Base {
      get client() {
        return 'client';
      }
      method = 'GET';
      describe() {
        return 'no member';
      }
    }
    const hiddenAgent = Object.defineProperty({}, 'agent', { value: 'agent' });
    const foreign = runInNewContext("new (class { get agent() { return 'agent' } })()");
    for (const init of [new WithAgent(), hiddenAgent, foreign]) {
      const { raw, fetch } = recordingFetch(0);
      await resilientFetch({ fetch })(URL_A, init as RequestInit);
      const sent = raw[0]?.[1] as Record<string, unknown>;
      expect(sent.agent).toBe('agent');
      expect(sent.client).toBe(init instanceof WithAgent ? 'client' : undefined);
      expect(Object.hasOwn(sent, 'describe')).toBe(false);
      expect(Object.getPrototypeOf(sent)).toBe(Object.prototype);
    }
  });

  it('custom members and symbols reach the fetch', async () => {
    const { raw, fetch } = recordingFetch(0);
    const trace = Symbol('trace');
    const init = Object.assign(Object.create({ dispatcher: 'inherited', follow: 5 }), { [trace]: 1, agent: 'own' });
    await resilientFetch({ fetch })(URL_A, init);
    expect(raw[0]?.[1]).toMatchObject({ dispatcher: 'inherited', follow: 5, agent: 'own', [trace]: 1 });
  });

  it.each(['signal', 'method', 'headers', 'body', 'redirect'] as const)(
    'a polluted Object.prototype.%s is ignored',
    async (name) => {
      const polluted = {
        signal: AbortSignal.abort(),
        method: 'DELETE',
        headers: { 'x-a': '1' },
        body: 'b',
        redirect: 'error',
      };
      let received: RequestInit = {};
      const fetch = async (_input: string, init: RequestInit = {}) => {
        received = { ...init };
        return new Response();
      };
      Object.assign(Object.prototype, { [name]: polluted[name] });
      try {
        await resilientFetch({ fetch })(URL_A, {});
      } finally {
        delete (Object.prototype as Record<string, unknown>)[name];
      }
      if (name === 'signal') expect(received.signal?.aborted).toBe(false);
      else expect(received[name]).toBeUndefined();
    },
  );
});
