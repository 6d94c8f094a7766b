type State =
  | { readonly name: 'closed'; readonly results: boolean[] }
  | { readonly name: 'open'; readonly until: number }
  | { readonly name: 'half-open'; running: number; successes: number };

export interface CircuitBreakerOptions {
  readonly windowSize: number; // the failure rate is that of the last `windowSize` calls
  readonly minimumCalls: number; // with fewer results, a rate means little
  readonly failureRateThreshold: number;
  readonly openForMs: number;
  readonly probes: number; // the probes at once, each with a timeout of its own, and the successes that close it
}

/** Circuit breaker (Nygard): closed → open if calls fail → half-open after a while → closed or open. O(windowSize). */
export class CircuitBreaker {
  #state: State = { name: 'closed', results: [] };

  constructor(
    readonly options: CircuitBreakerOptions,
    readonly now: () => number = () => performance.now(),
  ) {}

  get state(): State['name'] {
    const isOver = this.#state.name === 'open' && this.now() >= this.#state.until; // found when asked: no timer
    if (isOver) this.#state = { name: 'half-open', running: 0, successes: 0 };
    return this.#state.name;
  }

  async execute<T>(operation: () => Promise<T>): Promise<T> {
    const isOpen = this.state === 'open';
    const admittedIn = this.#state;
    const isFull = admittedIn.name === 'half-open' && admittedIn.running >= this.options.probes;
    if (isOpen || isFull) throw new Error('circuit open');
    if (admittedIn.name === 'half-open') admittedIn.running++;
    let succeeded = false;
    try {
      const value = await operation();
      succeeded = true;
      return value;
    } finally {
      if (admittedIn === this.#state) this.#record(admittedIn, succeeded); // a late one says nothing about now
    }
  }

  #record(state: State, succeeded: boolean): void {
    const { windowSize, minimumCalls, failureRateThreshold, openForMs, probes } = this.options;
    let shouldOpen = !succeeded; // one failed probe is enough
    if (state.name === 'closed') {
      if (state.results.push(succeeded) > windowSize) state.results.shift();
      const failures = state.results.filter((ok) => !ok).length;
      shouldOpen = state.results.length >= minimumCalls && failures / state.results.length >= failureRateThreshold;
    } else if (state.name === 'half-open' && succeeded) {
      state.running--;
      if (++state.successes === probes) this.#state = { name: 'closed', results: [] };
    }
    if (shouldOpen) this.#state = { name: 'open', until: this.now() + openForMs };
  }
}
