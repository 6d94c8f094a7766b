/** The strips of the live view. In a strip, each column is a slice of the run's time. */
import type { Transition } from './clients.js';
import { breakerAt, type Colors } from './format.js';
import { type Scenario, spans } from './scenario.js';
import type { Side } from './traffic.js';

/**
 * Draws one mark per column: the share of successes among the calls that started in that slice. Reads every call once.
 */
export class SuccessStrip {
  readonly #side: Side;
  readonly #slotMs: number;
  readonly #colors: Colors;
  readonly #calls: number[];
  readonly #successes: number[];
  #read = 0;

  constructor(side: Side, width: number, slotMs: number, colors: Colors) {
    this.#side = side;
    this.#slotMs = slotMs;
    this.#colors = colors;
    this.#calls = Array(width).fill(0);
    this.#successes = Array(width).fill(0);
  }

  successRate(): number | null {
    this.#catchUp();
    const total = this.#calls.reduce((sum, count) => sum + count, 0);
    return total === 0 ? null : this.#successes.reduce((sum, count) => sum + count, 0) / total;
  }

  draw(columns: number): string {
    this.#catchUp();
    return this.#calls
      .slice(0, columns)
      .map((calls, column) => this.#mark(calls, this.#successes[column]!))
      .join('');
  }

  #catchUp(): void {
    for (; this.#read < this.#side.calls.length; this.#read++) {
      const { startMs, failure } = this.#side.calls[this.#read]!;
      const column = Math.min(this.#calls.length - 1, Math.floor(startMs / this.#slotMs));
      this.#calls[column]!++;
      if (failure === undefined) this.#successes[column]!++;
    }
  }

  #mark(calls: number, successes: number): string {
    if (calls === 0) return ' ';
    const rate = successes / calls;
    const mark = '▁▂▃▄▅▆▇█'[Math.floor(rate * 7)]!;
    return rate >= 0.99 ? this.#colors.green(mark) : rate >= 0.9 ? this.#colors.yellow(mark) : this.#colors.red(mark);
  }
}

/**
 * Returns the strip of the breaker. A column shows the worst state of its slice, so that a short opening remains
 * visible.
 */
export function breakerStrip(
  transitions: readonly Transition[],
  columns: number,
  slotMs: number,
  colors: Colors,
): string {
  return Array.from({ length: columns }, (_, column) => {
    const from = column * slotMs;
    const states = [
      breakerAt(transitions, from),
      ...transitions.filter(({ atMs }) => atMs > from && atMs <= from + slotMs).map(({ to }) => to),
    ];
    if (states.includes('open')) return colors.red('█');
    return states.includes('half-open') ? colors.yellow('▄') : colors.green('▁');
  }).join('');
}

/** Returns the names of the phases, each below its own time, cut to the available width. */
export function phaseStrip(scenario: Scenario, width: number): string {
  return spans(scenario)
    .map(({ phase, start, end }) => {
      const room = Math.round(end * width) - Math.round(start * width);
      return `│${phase.name}`.slice(0, room).padEnd(room);
    })
    .join('');
}
