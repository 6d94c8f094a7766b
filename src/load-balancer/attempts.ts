import type { CallContext } from '../core/call-context.js';
import { isContext } from '../core/context.js';
import { isResilienceError, isStalledTimeout, NoHealthyNodeError } from '../core/errors.js';
import { type Classify, defaultClassify, judge, type Outcome, type Verdict } from '../core/outcome.js';
import type { Dispatch, Dispatcher } from './dispatcher.js';

/** What the tries of all calls have in common. */
export interface AttemptSettings {
  readonly name: string;
  readonly dispatcher: Dispatcher;
  readonly classify: Classify | undefined;
  /** Refuses when the balancer is closed. */
  checkOpen(): void;
  /** Tells what has happened to nodes meanwhile. */
  emitPending(): void;
}

/** The nodes that one call tries: a new one each time, for as long as there is one. */
export class Attempts {
  readonly #settings: AttemptSettings;
  readonly #excluded: readonly string[];
  #tried: string[] = [];

  constructor(settings: AttemptSettings, excluded: readonly string[] = []) {
    this.#settings = settings;
    this.#excluded = excluded;
  }

  /**
   * A node for the next try. When all have been tried it begins anew, the last one last.
   * @throws NoHealthyNodeError when there is none, ClosedError when the balancer is closed.
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

  end(dispatch: Dispatch, outcome: Outcome, context: CallContext): void {
    endDispatch(this.#settings, dispatch, outcome, context);
  }
}

/** Ends a try. The node is free again even if the judgement throws: that error is then the call's. */
export function endDispatch(
  settings: AttemptSettings,
  dispatch: Dispatch,
  outcome: Outcome,
  context: CallContext,
): void {
  let verdict: Verdict | undefined;
  try {
    // Our own event loop was blocked meanwhile: of that nothing can be learnt about the node.
    if (outcome.ok || !isStalledTimeout(outcome.error)) verdict = judgeAttempt(settings, outcome, context);
  } finally {
    dispatch.end(verdict);
    settings.emitPending();
  }
}

/**
 * A timeout of ours, of the try or of the call, counts against the node that has kept us waiting; any other abort says
 * nothing of it.
 */
function judgeAttempt(settings: AttemptSettings, outcome: Outcome, context: CallContext): Verdict {
  const known = isContext(context) ? context : undefined;
  if (!outcome.ok && known?.aborted) return isResilienceError(outcome.error, 'ERR_TIMEOUT') ? 'failure' : 'ignore';
  const classify = settings.classify ?? known?.classify ?? defaultClassify;
  return judge('LoadBalancer', classify, outcome, context);
}
