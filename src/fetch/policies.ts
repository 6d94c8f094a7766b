import type { Clock } from '../core/clock.js';
import type { Policy } from '../core/policy.js';
import type { Explanation } from '../pipeline/index.js';
import type { RetryBudgetStats } from '../retry/index.js';
import type { CallSettings } from './call-options.js';
import type { KeySnapshot } from './control.js';
import type { UnreadResponses } from './discard.js';
import type { ResilientFetchListeners } from './options.js';
import type { ResumePolicies } from './resumption.js';

/** What policies need besides the options of the caller. */
export interface PolicyKit {
  /** The function that the caller has called, for errors. */
  readonly owner: string;
  readonly clock: Clock;
  readonly unread: UnreadResponses;
}

/** The policies of a `resilientFetch`: the default ones, or one of the caller. */
export interface FetchPolicies {
  readonly on: ResilientFetchListeners;
  readonly retryBudget: RetryBudgetStats | undefined;
  readonly resuming: ResumePolicies;
  /** Returns the policies of a call. @throws InvalidOptionError for a setting that has no effect. */
  for(settings: CallSettings): TimedPolicies;
  explain(settings: CallSettings): Explanation;
  snapshots(): KeySnapshot[];
  isolate(key: string): Disposable;
  reset(key: string): void;
}

/** The policies of the calls with the same timeouts. */
export interface TimedPolicies {
  /** The policy of a call. */
  readonly call: Policy;
  /** The policy of one resumption: without repetitions, and without the pacing gate, since its body was admitted. */
  readonly resumption: Policy;
  /** A timeout of the call that the policies do not include. */
  readonly timeoutMs?: number | undefined;
}
