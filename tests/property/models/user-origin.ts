import type { TestClock } from 'breakwater/testing';

/** The response of the origin to one request. */
export interface Answer {
  readonly status: number;
  /** Cache-Control fields, one or several. */
  readonly controls: readonly string[];
  readonly vary: string | undefined;
  readonly isEventStream: boolean;
  /** Milliseconds until the headers arrive. */
  readonly delayMs: number;
  /** Whether the body is complete, stalls forever or is broken off. */
  readonly body: 'whole' | 'stalls' | 'breaks';
  readonly bytes: number;
}

/** A response that the origin has returned. */
export interface IssuedResponse {
  readonly owner: string;
  readonly version: number;
  readonly url: string;
  readonly answer: Answer;
}

/** Directives that restrict a response anywhere in the field, even in a malformed one. */
const isRestricted = (control: string) => /private|no-store/i.test(control);

/** Whether users may share a response, by a rule that is stricter than the RFC and simpler than that of the cache. */
export const mayBeShared = ({ answer }: IssuedResponse): boolean => {
  const control = answer.controls.join(',');
  return /(^|,)\s*public\s*(,|$)/i.test(control) && !isRestricted(control);
};

export const mayBeStored = ({ answer }: IssuedResponse): boolean =>
  !/no-store/i.test(answer.controls.join(',')) && !answer.isEventStream && answer.vary !== '*';

/**
 * An origin that identifies its users by a header or by the agent of the connection, and writes a number into each body,
 * by which it can later determine the user of the response.
 */
export class UserOrigin {
  readonly issued: IssuedResponse[] = [];
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
    const id = this.issued.push({ owner, version: this.versions.get(url) ?? 0, url, answer }) - 1;
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
          // The stream has already ended.
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
