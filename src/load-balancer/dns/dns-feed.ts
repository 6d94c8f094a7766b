import { Alarm, type Clock } from '../../core/clock.js';
import { TimeoutError } from '../../core/errors.js';
import { reportUncaught } from '../../core/events.js';
import type { Outcome } from '../../core/outcome.js';
import type { Random } from '../../core/random.js';
import type { BalancerNode, BalancerNodeOptions } from '../nodes.js';
import type { DnsAnswer, DnsRecord } from './dns-records.js';
import { NodeMemory } from './node-memory.js';

/** The checked options of `dnsNodes`. */
export interface DnsRules {
  /** The subject of error messages. */
  readonly subject: string;
  readonly toNode: (record: DnsRecord) => BalancerNode;
  readonly minTtlMs: number;
  readonly maxTtlMs: number;
  readonly defaultTtlMs: number;
  readonly jitter: number;
  readonly timeoutMs: number;
  readonly graceMs: number;
  readonly onError: ((error: unknown) => void) | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

/** Asks the resolver for one type of records. */
export type Question = () => Promise<DnsAnswer>;

/** The last good answer to one question. */
interface Known {
  readonly ask: Question;
  records: readonly DnsRecord[];
}

/**
 * The lookups for one consumer: an iterator of node lists. A lookup runs only while the consumer waits for a list. At
 * any time there is at most one timer: of the pause before a lookup, or of the lookup's timeout.
 */
export class DnsFeed implements AsyncIterator<readonly BalancerNodeOptions[]> {
  readonly #rules: DnsRules;
  readonly #questions: readonly Known[];
  readonly #cancel: () => void;
  readonly #memory: NodeMemory;
  /** A generator, so that calls of `next` run one after the other. */
  readonly #lists = this.#run();
  #isEnded = false;
  /** Ends the current pause or lookup. */
  #interrupt: () => void = () => {};
  #nextLookupAt = -Infinity;
  /** The number of consecutive lookups without an answer. */
  #failures = 0;

  /** @param cancel - Ends the pending queries of a resolver that only this feed uses. */
  constructor(rules: DnsRules, questions: readonly Question[], cancel: () => void = () => {}) {
    this.#rules = rules;
    this.#questions = questions.map((ask) => ({ ask, records: [] }));
    this.#cancel = cancel;
    this.#memory = new NodeMemory(rules.graceMs);
  }

  next(): Promise<IteratorResult<readonly BalancerNodeOptions[], undefined>> {
    return this.#lists.next();
  }

  /** Ends the feed immediately, also during a pause or a lookup. */
  return(): Promise<IteratorResult<readonly BalancerNodeOptions[], undefined>> {
    this.#isEnded = true;
    this.#interrupt();
    this.#cancel();
    return this.#lists.return(undefined);
  }

  async *#run(): AsyncGenerator<readonly BalancerNodeOptions[], undefined> {
    const { clock } = this.#rules;
    while (!this.#isEnded) {
      const pauseMs = this.#nextLookupAt - clock.now();
      if (pauseMs > 0) await this.#wait(pauseMs, () => {});
      if (this.#isEnded) break;
      const list = await this.#lookUp();
      if (list !== undefined) yield list;
    }
    return undefined;
  }

  /** Asks all questions once. Returns the new list of nodes; undefined if it is the last one, or if there is none. */
  async #lookUp(): Promise<readonly BalancerNodeOptions[] | undefined> {
    const outcomes: (Outcome<DnsAnswer> | undefined)[] = this.#questions.map(() => undefined);
    await this.#wait(this.#rules.timeoutMs, (end) => {
      let pending = this.#questions.length;
      const settle = (index: number, outcome: Outcome<DnsAnswer>): void => {
        outcomes[index] = outcome;
        if (--pending === 0) end();
      };
      for (const [index, { ask }] of this.#questions.entries()) {
        ask().then(
          (value) => settle(index, { ok: true, value }),
          (error) => settle(index, { ok: false, error }),
        );
      }
    });
    if (this.#isEnded) return undefined;
    const { timeoutMs } = this.#rules;
    const results = outcomes.map((one) => one ?? failed(new TimeoutError({ policy: 'dnsNodes', timeoutMs })));
    // Late answers must not keep the process alive.
    if (outcomes.includes(undefined)) this.#cancel();
    return this.#apply(results);
  }

  #apply(results: readonly Outcome<DnsAnswer>[]): readonly BalancerNodeOptions[] | undefined {
    const found = results.some((one) => one.ok && one.value.records.length > 0);
    let ttlMs = Infinity;
    for (const [index, result] of results.entries()) {
      const known = this.#questions[index] as Known;
      if (result.ok && result.value.records.length > 0) {
        known.records = result.value.records;
        ttlMs = Math.min(ttlMs, result.value.ttlMs ?? this.#rules.defaultTtlMs);
      } else if (found && (result.ok || isEmptyAnswer(result.error))) {
        known.records = []; // the name has only addresses of the other family
      } else {
        this.#report(result.ok ? new Error(`dnsNodes: there are no ${this.#rules.subject}`) : result.error);
      }
    }
    try {
      if (found) {
        const nodes = this.#questions.flatMap(({ records }) => records.map((record) => this.#nodeFor(record)));
        const list = this.#memory.update(nodes, this.#rules.clock.now());
        this.#schedule(ttlMs);
        return list;
      }
    } catch (error) {
      this.#report(error); // of `toNode`
    }
    this.#schedule(undefined);
    return undefined;
  }

  #nodeFor(record: DnsRecord): BalancerNodeOptions {
    const made = this.#rules.toNode(record);
    const own = typeof made === 'string' ? { node: made } : made;
    return { ...own, weight: own.weight ?? record.weight, priority: own.priority ?? record.priority };
  }

  /** Sets the time of the next lookup. @param ttlMs - The TTL of the answer; undefined after a failure. */
  #schedule(ttlMs: number | undefined): void {
    const { clock, jitter, maxTtlMs, minTtlMs, random } = this.#rules;
    const waitMs = ttlMs ?? minTtlMs * 2 ** this.#failures;
    this.#failures = ttlMs === undefined ? this.#failures + 1 : 0;
    const boundedMs = Math.min(maxTtlMs, Math.max(minTtlMs, waitMs));
    this.#nextLookupAt = clock.now() + boundedMs * (1 + jitter * random());
  }

  /** Waits until `begin` calls its argument, the time has passed, or the feed ends. */
  #wait(ms: number, begin: (end: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      const alarm = new Alarm(this.#rules.clock, ms, resolve);
      alarm.unref();
      const end = (): void => {
        alarm.clear();
        resolve();
      };
      this.#interrupt = end;
      begin(end);
    });
  }

  #report(error: unknown): void {
    try {
      this.#rules.onError?.(error);
    } catch (thrown) {
      reportUncaught(thrown);
    }
  }
}

const failed = (error: unknown): Outcome<DnsAnswer> => ({ ok: false, error });

/** Whether the server has answered that the name has no records of this type. */
function isEmptyAnswer(error: unknown): boolean {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return code === 'ENODATA' || code === 'ENOTFOUND';
}
