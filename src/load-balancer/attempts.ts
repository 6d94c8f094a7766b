import type { CallContext } from '../core/call-context.js';
import { isContext } from '../core/context.js';
import { isResilienceError, isStalledTimeout, NoHealthyNodeError } from '../core/errors.js';
import { type Classify, defaultClassify, judge, type Outcome, type Verdict } from '../core/outcome.js';
import type { Dispatch, Dispatcher } from './dispatcher.js';

/** The settings that the attempts of all calls share. */
export interface AttemptSettings {
  readonly name: string;
  readonly dispatcher: Dispatcher;
  readonly classify: Classify | undefined;
  /** Throws ClosedError if the balancer is closed. */
  checkOpen(): void;
  /** Emits the events that are pending. */
  emitPending(): void;
}

/** The attempts of one call. Each attempt goes to a node that was not tried before, as long as there is one. */
export class Attempts {
  readonly #settings: AttemptSettings;
  readonly #excluded: readonly string[];
  #tried: string[] = [];

  constructor(settings: AttemptSettings, excluded: readonly string[] = []) {
    this.#settings = settings;
    this.#excluded = excluded;
  }

  /**
   * Picks a node for the next attempt. When all nodes have been tried, all are candidates again, except the last one if
   * there are others.
   * @throws NoHealthyNodeError if no node is available, ClosedError if the balancer is closed.
   */
  begin(key: string | undefined): Dispatch {
    this.#settings.checkOpen();
    const untried = this.#dispatch(key, this.#tried);
    if (untried === undefined) this.#tried = this.#tried.slice(-1);
    const dispatch = untried ?? this.#dispatch(key, this.#tried) ?? this.#dispatch(key, []);
    if (dispatch === undefined) throw new NoHealthyNodeError({ policy: this.#settings.name });
    this.#tried.push(dispatch.node);
    return dispatch;
  }

  #dispatch(key: string | undefined, tried: readonly string[]): Dispatch | undefined {
    const { dispatcher } = this.#settings;
    if (this.#excluded.length === 0 && tried.length === 0) return dispatcher.dispatch(key, undefined);
    return dispatcher.dispatch(key, new Set([...this.#excluded, ...tried]));
  }

  /** Ends an attempt with its outcome. */
  end(dispatch: Dispatch, outcome: Outcome, context: CallContext): void {
    endDispatch(this.#settings, dispatch, outcome, context);
  }
}

/** Ends an attempt. The node is released even if `classify` throws; in this case the call rejects with that error. */
export function endDispatch(
  settings: AttemptSettings,
  dispatch: Dispatch,
  outcome: Outcome,
  context: CallContext,
): void {
  let verdict: Verdict | undefined;
  try {
    // If this process's event loop was blocked, a timeout says nothing about the node.
    if (outcome.ok || !isStalledTimeout(outcome.error)) verdict = judgeAttempt(settings, outcome, context);
  } finally {
    dispatch.end(verdict);
    settings.emitPending();
  }
}

/**
 * Classifies the outcome of an attempt. A timeout of this package, of the attempt or of the call, counts as a failure
 * of the node. Any other abort is ignored, because it says nothing about the node.
 */
function judgeAttempt(settings: AttemptSettings, outcome: Outcome, context: CallContext): Verdict {
  const known = isContext(context) ? context : undefined;
  if (!outcome.ok && known?.aborted) return isResilienceError(outcome.error, 'ERR_TIMEOUT') ? 'failure' : 'ignore';
  const classify = settings.classify ?? known?.classify ?? defaultClassify;
  return judge('LoadBalancer', classify, outcome, context);
}
