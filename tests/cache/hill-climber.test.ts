import { describe, expect, it } from 'vitest';
import { HillClimber } from '../../src/cache/hill-climber.js';

/** What it answers to samples of a hundred uses with so many hits each. */
function climb(...hits: number[]): number[] {
  const climber = new HillClimber(100);
  return hits.map((count) => climber.record(count, 100 - count));
}

const rounded = (steps: readonly number[]) => steps.map((step) => Number(step.toFixed(6)));

describe('HillClimber', () => {
  it('says nothing before a sample is full, and counts anew after it', () => {
    const climber = new HillClimber(100);
    expect(climber.record(60, 39)).toBe(0);
    expect(climber.record(1, 0)).toBe(0.0625);
    expect(climber.record(0, 99)).toBe(0);
    expect(climber.record(0, 1)).toBe(-0.0625);
  });

  it('goes on while the ratio rises or stays, each step a little shorter', () => {
    // The first sample is a rise from nothing, by more than 0.05.
    expect(rounded(climb(50, 51, 52, 52))).toEqual([0.0625, 0.0625, 0.06125, 0.060025]);
  });

  it('turns when the ratio falls, and again when it falls again', () => {
    expect(rounded(climb(50, 49, 50, 49))).toEqual([0.0625, -0.0625, -0.06125, 0.060025]);
  });

  it('begins with long steps again, in the direction it has, when the ratio changes by 0.05 or more', () => {
    expect(rounded(climb(49, 50, 55, 56))).toEqual([0.0625, 0.0625, 0.06125, 0.0625]);
    expect(rounded(climb(49, 50, 54, 55))).toEqual([0.0625, 0.0625, 0.06125, 0.060025]);
    expect(rounded(climb(50, 51, 45, 46))).toEqual([0.0625, 0.0625, -0.06125, -0.0625]);
  });

  it('can be turned by who knows that there is no way on', () => {
    const climber = new HillClimber(100);
    climber.turn();
    expect(climber.record(50, 50)).toBe(-0.0625);
    climber.turn();
    expect(climber.record(51, 49)).toBe(0.0625);
  });
});
