/**
 * The HTTP cache against an origin that knows its users. For any requests and responses, a response of one user never
 * reaches another user unless it is public, a stalled body delays no other call, and writes are visible.
 */
import { cachedFetch } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';
import { runs } from '../support/runs.js';
import { type Answer, type IssuedResponse, mayBeShared, mayBeStored, UserOrigin } from './models/user-origin.js';

const CONTROLS = [
  ...['public, max-age=60', 'private, max-age=60', 'max-age=60', 'max-age=0', 'no-store', 'no-cache', 'public'],
  ...['private, public, max-age=60', 'public, private="set-cookie", max-age=60', 'public, max-age=60; private'],
  ...['public, max-age=1, stale-while-revalidate=60', 'max-age=1, stale-while-revalidate=60', 'PUBLIC , MAX-AGE=60'],
  ...['public=1, max-age=60', '"private, public, max-age=60"', 'public, max-age=60, "private', 'immutable, max-age=60'],
  ...['private, max-age=1, stale-if-error=60', 'public, max-age=60, no-store', 'must-understand, no-store, public'],
];

const answer: fc.Arbitrary<Answer> = fc.record({
  status: fc.constantFrom(200, 200, 200, 200, 404, 403, 500, 503),
  controls: fc.oneof(
    { weight: 1, arbitrary: fc.constant(['public, max-age=60']) },
    { weight: 2, arbitrary: fc.array(fc.constantFrom(...CONTROLS), { minLength: 1, maxLength: 1 }) },
    { weight: 1, arbitrary: fc.array(fc.constantFrom(...CONTROLS), { minLength: 0, maxLength: 3 }) },
  ),
  vary: fc.constantFrom(
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    'accept',
    'x-session',
    '*',
    'foo bar',
  ),
  isEventStream: fc.integer({ min: 0, max: 7 }).map((one) => one === 0),
  delayMs: fc.constantFrom(0, 0, 0, 10, 3000),
  body: fc.constantFrom<Answer['body']>('whole', 'whole', 'whole', 'whole', 'whole', 'stalls', 'breaks'),
  bytes: fc.constantFrom(0, 10, 500, 3000),
});

const USERS = ['ada', 'bob', 'eve', 'nobody'] as const;
const URLS = ['https://example.com/a', 'https://example.com/b'];

interface Step {
  readonly kind: 'get' | 'write' | 'abort' | 'cancel' | 'wait' | 'delete';
  readonly user: (typeof USERS)[number];
  readonly url: string;
  /** Whether the user is identified by the agent of the connection or by a header. */
  readonly byAgent: boolean;
  readonly control: string | undefined;
  readonly mode: RequestCache | undefined;
  readonly trace: number;
  readonly waitMs: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom<Step['kind']>(
    'get',
    'get',
    'get',
    'get',
    'get',
    'get',
    'get',
    'write',
    'abort',
    'cancel',
    'wait',
    'wait',
    'delete',
  ),
  user: fc.constantFrom(...USERS),
  url: fc.constantFrom(...URLS),
  byAgent: fc.boolean(),
  control: fc.constantFrom(undefined, undefined, undefined, 'max-age=0', 'no-cache', 'max-stale', 'stale-if-error=100'),
  mode: fc.constantFrom<RequestCache | undefined>(undefined, undefined, undefined, 'reload', 'force-cache'),
  trace: fc.nat(),
  waitMs: fc.constantFrom(0, 1, 500, 500, 3000, 5000, 61_000),
});

/** Longer than any call can take: two waits for another request, and two delays of the origin. */
const LONGEST_CALL_MS = 20_000;

class World {
  readonly clock = new TestClock();
  readonly origin: UserOrigin;
  readonly #agents = new Map(USERS.map((user) => [user, { user }]));
  readonly #calls: { readonly controller: AbortController; readonly watched: ReturnType<typeof watch<void>> }[] = [];
  readonly #responses: Response[] = [];
  readonly #fetch;
  readonly seen: { readonly user: string; readonly url: string; readonly id: number; readonly least: number }[] = [];

  constructor(answers: readonly Answer[]) {
    let next = 0;
    this.origin = new UserOrigin(this.clock, () => answers[next++ % answers.length] as Answer);
    this.#fetch = cachedFetch(this.origin.fetch, { clock: this.clock, now: () => this.clock.now(), maxBytes: 8000 });
  }

  async take(one: Step): Promise<void> {
    const { kind, url } = one;
    if (kind === 'get') this.#get(one);
    else if (kind === 'write') await this.#write(one);
    else if (kind === 'abort') this.#calls.at(one.trace % (this.#calls.length || 1))?.controller.abort();
    else if (kind === 'cancel') {
      const response = this.#responses[one.trace % (this.#responses.length || 1)];
      if (response?.body?.locked === false) response.body.cancel().catch(() => {});
    } else if (kind === 'delete') this.#fetch.cache.delete(url);
    else await this.clock.advance(one.waitMs);
    if (one.trace % 3 === 0) await settle();
  }

  #init({ user, byAgent, control, trace }: Step) {
    const headers: Record<string, string> = { traceparent: String(trace), accept: trace % 2 === 0 ? 'a' : 'b' };
    if (control !== undefined) headers['cache-control'] = control;
    if (!byAgent && user !== 'nobody') headers['x-session'] = user;
    return { headers, ...(byAgent && { agent: this.#agents.get(user) as { user: string } }) };
  }

  #get(one: Step): void {
    const controller = new AbortController();
    const init = { ...this.#init(one), signal: controller.signal, ...(one.mode && { cache: one.mode }) };
    const least = this.origin.versions.get(one.url) ?? 0;
    const asking = this.#fetch(one.url, init).then((response) => {
      this.#responses.push(response);
      if (one.trace % 5 !== 0) this.#read(response, one.user, one.url, least);
    });
    this.#calls.push({ controller, watched: watch(asking) });
    // Later changes of the objects of the caller have no effect.
    init.headers['x-session'] = 'mallory';
  }

  async #read(response: Response, user: string, url: string, least: number): Promise<void> {
    let text = '';
    try {
      const reader = response.body?.getReader();
      for (;;) {
        const { done, value } = (await reader?.read()) ?? { done: true };
        if (done) break;
        text += new TextDecoder().decode(value);
        const id = /^(\d+);/.exec(text)?.[1];
        if (id !== undefined) {
          this.seen.push({ user, url, id: Number(id), least });
          text = '';
        }
      }
    } catch {
      // The body was broken off or aborted.
    }
  }

  async #write(one: Step): Promise<void> {
    const writing = watch(this.#fetch(one.url, { ...this.#init(one), method: 'POST' }));
    await this.clock.advance(3000);
    await writing.done;
  }

  /** Asserts that every call has settled, and that each reader saw only permitted responses. */
  async check(): Promise<void> {
    await this.clock.advance(LONGEST_CALL_MS);
    await settle();
    expect(this.#calls.map(({ watched }) => watched.state)).not.toContain('pending');
    const readers = new Map<number, number>();
    for (const { user, url, id, least } of this.seen) {
      const issued = this.origin.issued[id] as IssuedResponse;
      expect(issued.url).toBe(url);
      if (issued.owner !== user) expect([user, issued], 'another user’s').toSatisfy(() => mayBeShared(issued));
      expect(issued.version, 'older than a write before the call').toBeGreaterThanOrEqual(least);
      readers.set(id, (readers.get(id) ?? 0) + 1);
    }
    for (const [id, count] of readers) {
      const issued = this.origin.issued[id] as IssuedResponse;
      const isSharedError = issued.answer.status >= 500 && !/no-store/i.test(issued.answer.controls.join(','));
      const isUnderstood = /must-understand/.test(issued.answer.controls.join(','));
      if (count > 1 && !isSharedError && !isUnderstood) expect(mayBeStored(issued), `${count} readers`).toBe(true);
    }
    for (const response of this.#responses)
      if (response.body?.locked === false) await response.body.cancel().catch(() => {});
  }
}

describe('The HTTP cache with several users', () => {
  it('no user receives a private response of another user, no call hangs, and writes are visible', async () => {
    const seen = { shared: 0, repeated: 0, reads: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(answer, { minLength: 5, maxLength: 20 }),
        fc.array(step, { minLength: 20, maxLength: 80 }),
        async (answers, steps) => {
          const world = new World(answers);
          for (const one of steps) await world.take(one);
          await world.check();
          const ids = world.seen.map(({ id }) => id);
          seen.reads += ids.length;
          seen.repeated += ids.length - new Set(ids).size;
          seen.shared += world.seen.filter(({ id, user }) => world.origin.issued[id]?.owner !== user).length;
        },
      ),
      { numRuns: runs(400) },
    );
    // The property has no meaning if no response is shared.
    if (runs(400) >= 400) expect(Math.min(seen.shared, seen.repeated)).toBeGreaterThan(50);
  });
});
