import type { Candidate, Picker, PickerFactory } from 'breakwater/load-balancer';

/**
 * The built-in pickers in O(n), as plain loops over all candidates, for comparison with the trees. They do not implement
 * `chooseExcept`, `loadChanged` or `weightsChanged`, so the balancer passes them a new list for every change.
 */
type NumberOf = (one: Candidate) => number;

const picker = (name: string, start: () => Picker): PickerFactory => ({ name, start });
const sum = (candidates: readonly Candidate[], of: NumberOf) => candidates.reduce((all, one) => all + of(one), 0);

/** Whether rounding may have decided the last turn: two candidates had nearly the same credit, and it was not exact. */
export let wasNearlyEqual = false;

/** Smooth weighted round robin of nginx: each candidate is credited its weight, and the one with most credit pays for all. */
function smoothTurn(candidates: readonly Candidate[], take: boolean, weightOf: NumberOf, settled: NumberOf): Candidate {
  const credits = candidates.map((one) => settled(one) + weightOf(one));
  const most = Math.max(...credits);
  const best = credits.indexOf(most);
  const isExact = Number.isInteger(most * 2 ** 20);
  wasNearlyEqual = !isExact && credits.filter((credit) => Math.abs(credit - most) < 1e-6).length > 1;
  if (take) {
    for (const [index, one] of candidates.entries()) one.credit = credits[index]!;
    candidates[best]!.credit -= sum(candidates, weightOf);
  }
  return candidates[best]!;
}

export const naiveWeightedRoundRobin = () =>
  picker('weightedRoundRobin', () => {
    const weightOf: NumberOf = ({ effectiveWeight }) => effectiveWeight;
    let settledList: readonly Candidate[] = [];
    return {
      choose(candidates, { take }) {
        const total = sum(candidates, weightOf);
        const mean = sum(candidates, ({ credit }) => credit) / candidates.length;
        const isSettled = candidates === settledList;
        if (take) settledList = candidates;
        return smoothTurn(candidates, take, weightOf, ({ credit }) =>
          isSettled ? credit : Math.max(-total, Math.min(2 * total, credit - mean)),
        );
      },
    };
  });

export const naiveLeastConnections = (weightOf: NumberOf) =>
  picker('leastConnections', () => ({
    choose(candidates, { take }) {
      const least = Math.min(...candidates.map((one) => one.active / weightOf(one)));
      const equals = candidates.filter((one) => one.active / weightOf(one) === least);
      return smoothTurn(equals, take, weightOf, ({ credit }) => credit);
    },
  }));

export const naiveLeastResponseTime = () =>
  picker('leastResponseTime', () => ({
    choose(candidates, { now, random }) {
      const start = Math.floor(random() * candidates.length);
      const turned = [...candidates.slice(start), ...candidates.slice(0, start)];
      const loads = turned.map((one) => {
        const cost = one.latencyMs(now);
        const load = cost === 0 && one.active > 0 ? 2 ** 50 + one.active : cost * (one.active + 1);
        return load / one.effectiveWeight;
      });
      return turned[loads.indexOf(Math.min(...loads))]!;
    },
  }));

function drawn(candidates: readonly Candidate[], chance: number): Candidate {
  let rest = chance * sum(candidates, ({ effectiveWeight }) => effectiveWeight);
  for (const one of candidates) {
    if (rest < one.effectiveWeight) return one;
    rest -= one.effectiveWeight;
  }
  return candidates.at(-1)!;
}

export const naiveRandomPick = () =>
  picker('randomPick', () => ({ choose: (candidates, { random }) => drawn(candidates, random()) }));

export const naivePowerOfTwoChoices = () =>
  picker('powerOfTwoChoices', () => ({
    choose(candidates, { random }) {
      if (candidates.length === 1) return candidates[0]!;
      const first = drawn(candidates, random());
      const second = drawn(
        candidates.filter((one) => one !== first),
        random(),
      );
      const load: NumberOf = ({ active, effectiveWeight }) => active / effectiveWeight;
      return load(second) < load(first) ? second : first;
    },
  }));

export const naiveRoundRobin = () =>
  picker('roundRobin', () => {
    let last: Candidate | undefined;
    return {
      choose(candidates, { take }) {
        const next = candidates.find(({ index }) => index > (last?.index ?? -1)) ?? candidates[0]!;
        if (take) last = next;
        return next;
      },
    };
  });
