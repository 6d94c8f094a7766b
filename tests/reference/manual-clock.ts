import type { Clock } from 'breakwater';

/** A clock whose time is set by the test. For code that reads the time and does not wait. */
export class ManualClock implements Clock {
  ms = 0;
  readonly now = (): number => this.ms;

  setTimeout(): unknown {
    return undefined;
  }

  clearTimeout(): void {}
}
