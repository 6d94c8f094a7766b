import type { TestClock } from 'breakwater/testing';

/** How the origin answers one request. */
export interface Answer {
  readonly status: number;
  /** Cache-Control fields, one or several. */
  readonly controls: readonly string[];
  readonly vary: string | undefined;
  readonly isEventStream: boolean;
  /** Milliseconds until the headers come. */
  readonly delayMs: number;
  /** Whether the body comes whole, stalls for ever, or breaks off. */
  readonly body: 'whole' | 'stalls' | 'breaks';
  readonly bytes: number;
}

/** What the origin knows of a response that it has given. */
export interface Given {
  readonly owner: string;
  readonly version: number;
  readonly url: string;
  readonly answer: Answer;
}

/** Words that restrict a response wherever they are in the field, even in a malformed one. */
const isRestricted = (control: string) => /private|no-store/i.test(control);

/** Whether users may share a response, by a rule that is stricter than the RFC's and simpler than the cache's. */
export const mayBeShared = ({ answer }: Given): boolean => {
  const control = answer.controls.join(',');
  return /(^|,)\s*public\s*(,|$)/i.test(control) && !isRestricted(control);
};

export const mayBeStored = ({ answer }: Given): boolean =>
  !/no-store/i.test(answer.controls.join(',')) && !answer.isEventStream && answer.vary !== '*';

/**
 * An origin that knows its users by a header or by the agent of the connection, and writes into each body a number by
 * which it can say later for whom that was.
 */
export class UserOrigin {
  readonly given: Given[] = [];
  readonly versions = new Map<string, number>();
  readonly #clock: TestClock;
  readonly #nextAnswer: () => Answer;

  constructor(clock: TestClock, nextAnswer: () => Answer) {
    this.#clock = clock;
    this.#nextAnswer = nextAnswer;
  }

  readonly fetch = async (input: string, init?: RequestInit & { agent?: { user: string } }): Promise<Response> => {
    const url = String(input);
    const signal = init?.signal ?? undefined;
    const owner = init?.agent?.user ?? new Headers(init?.headers).get('x-session') ?? 'nobody';
    const answer = this.#nextAnswer();
    await this.#sleep(answer.delayMs, signal);
    if ((init?.method ?? 'GET') !== 'GET') {
      if (answer.status < 400 || answer.status >= 500) this.versions.set(url, (this.versions.get(url) ?? 0) + 1);
      return new Response(null, { status: answer.status });
    }
    const id = this.given.push({ owner, version: this.versions.get(url) ?? 0, url, answer }) - 1;
    const headers = new Headers(answer.isEventStream ? { 'content-type': 'text/event-stream' } : {});
    for (const control of answer.controls) headers.append('cache-control', control);
    if (answer.vary !== undefined) headers.set('vary', answer.vary);
    return new Response(bodyOf(id, answer, signal), { status: answer.status, headers });
  };

  #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      if (ms === 0) resolve();
      else this.#clock.setTimeout(resolve, ms);
    });
  }
}

/** The first bytes are the number of the response. */
function bodyOf(id: number, { body, bytes }: Answer, signal: AbortSignal | undefined): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      signal?.addEventListener('abort', () => {
        try {
          controller.error(signal.reason);
        } catch {
          // It was over.
        }
      });
      controller.enqueue(new TextEncoder().encode(`${id};`));
      if (body === 'breaks') controller.error(new TypeError('terminated'));
      if (body !== 'whole') return;
      controller.enqueue(new Uint8Array(bytes));
      controller.close();
    },
  });
}
