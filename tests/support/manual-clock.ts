/** A clock whose time is set by assignment, backwards too. It has no timers. */
export class ManualClock {
  time: number;

  constructor(time = 0) {
    this.time = time;
  }

  now(): number {
    return this.time;
  }

  setTimeout(): never {
    throw new Error('ManualClock has no timers');
  }

  clearTimeout(): void {}
}
