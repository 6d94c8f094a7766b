import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

/** A Response like that of Chromium, whose readers hide the error of a stream that a script has created. */
class HidingResponse extends Response {
  override text(): Promise<string> {
    return super.text().catch(() => {
      throw new TypeError('Failed to fetch');
    });
  }

  override clone(): Response {
    const { body, headers } = super.clone();
    return new HidingResponse(body, { headers });
  }
}

let b: typeof import('breakwater');

beforeEach(async () => {
  vi.stubGlobal('Response', HidingResponse);
  vi.resetModules();
  b = await import('breakwater');
});
afterEach(() => vi.unstubAllGlobals());

/** A fetch whose response never ends. */
const endless = async (_url: string, _init?: RequestInit): Promise<Response> => {
  const stream = new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('begin')) });
  return new HidingResponse(stream, { headers: { 'cache-control': 'max-age=9' } });
};

describe('On a platform that hides the error of a stream', () => {
  const call = async (fetch: typeof endless, read: (response: Response) => Promise<unknown>) => {
    const controller = new AbortController();
    const reading = read(await fetch('https://a.test/', { signal: controller.signal })).catch((error) => error);
    controller.abort('the reason');
    return reading;
  };
  // The first response tells how the platform behaves, the later ones rely on it.
  it.each([1, 3])('an abort rejects text() of response %i with the reason', async (responses) => {
    const fetch = b.resilientFetch({ fetch: endless });
    for (let count = 1; count < responses; count++) await call(fetch, (response) => response.text());
    expect(await call(fetch, (response) => response.text())).toBe('the reason');
  });

  it('an abort rejects text() of a clone, and of the clone of a clone, with the reason', async () => {
    const fetch = b.resilientFetch({ fetch: endless });
    expect(await call(fetch, (response) => response.clone().text())).toBe('the reason');
    expect(await call(fetch, (response) => response.clone().clone().text())).toBe('the reason');
  });

  it('an abort rejects text() of a response that is being cached with the reason', async () => {
    expect(await call(b.cachedFetch(endless), (response) => response.text())).toBe('the reason');
  });

  it('an error of the body that is not the library’s rejects text() as the platform words it', async () => {
    const fetch = b.resilientFetch({
      fetch: async (_url: string) => new HidingResponse(new ReadableStream({ start: (it) => it.error('broken') })),
    });
    await expect((await fetch('https://a.test/')).text()).rejects.toThrow('Failed to fetch');
  });
});

describe('On a platform that passes the error of a stream on', () => {
  it('the readers of a response stay those of its class once that is known', async () => {
    vi.unstubAllGlobals();
    vi.resetModules();
    b = await import('breakwater');
    const fetch = b.resilientFetch({ fetch: async (_url: string, _init?: RequestInit) => new Response('x') });
    const { signal } = new AbortController();
    await (await fetch('https://a.test/', { signal })).text();
    const response = await fetch('https://a.test/', { signal });
    expect(Object.hasOwn(response, 'text')).toBe(false);
    expect(await response.text()).toBe('x');
  });
});
