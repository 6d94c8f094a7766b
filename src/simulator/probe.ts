import type { Policy } from '../core/policy.js';

/** What a policy shows of itself: the state of a breaker, and the limit of an adaptive limit. */
export interface Probe {
  readonly state: string | undefined;
  readonly limit: number | undefined;
}

type ShownPolicy = Policy<unknown> & {
  readonly policies?: readonly Policy<unknown>[];
  readonly state?: unknown;
  readonly limit?: unknown;
  on?(type: 'stateChange', listener: (event: { readonly from: string; readonly to: string }) => void): unknown;
};

/** Returns the members of a policy, with those of inner pipelines. */
function membersOf(policy: Policy<unknown> | undefined): readonly ShownPolicy[] {
  if (policy === undefined) return [];
  const { policies } = policy as ShownPolicy;
  return policies === undefined ? [policy as ShownPolicy] : policies.flatMap(membersOf);
}

/** Returns a function that samples the first breaker and the first adaptive limit of a policy. */
export function probeOf(policy: Policy<unknown> | undefined): () => Probe {
  const members = membersOf(policy);
  const breaker = members.find(({ state }) => typeof state === 'string');
  const limiter = members.find(({ limit }) => typeof limit === 'number');
  return () => ({ state: breaker?.state as string | undefined, limit: limiter?.limit as number | undefined });
}

/** Reports each state change of the breakers of a policy. */
export function watchStates(policy: Policy<unknown> | undefined, onChange: (what: string) => void): void {
  for (const member of membersOf(policy)) {
    if (typeof member.state !== 'string' || typeof member.on !== 'function') continue;
    member.on('stateChange', ({ from, to }) => onChange(`${member.name}: ${from} → ${to}`));
  }
}
