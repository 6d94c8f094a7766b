import { checkFaultPlan, type FaultPlan, type TimedFault } from '../core/fault-plan.js';
import type { SimClock } from '../testing/index.js';
import type { Clients } from './clients.js';
import type { SimulatedServer } from './simulated-server.js';

/** What faults act on. */
export interface FaultHost {
  readonly clock: SimClock;
  readonly servers: ReadonlyMap<string, SimulatedServer>;
  readonly clients: Clients;
  onEvent(what: string): void;
}

/**
 * Returns the faults of a plan.
 * @throws InvalidOptionError or Error for an invalid plan: an unknown target, a fault that begins or ends after the run,
 * or faults that exclude each other.
 */
export function checkSchedule(
  plan: FaultPlan,
  servers: ReadonlyMap<string, unknown>,
  durationMs: number,
): readonly TimedFault[] {
  const faults = checkFaultPlan('simulate', plan);
  for (const { kind, target, startMs, endMs } of faults) {
    const name = target === undefined ? kind : `${kind} of ${JSON.stringify(target)}`;
    if (target !== undefined && !servers.has(target)) {
      throw new Error(`the fault ${name} has an unknown target; there are ${[...servers.keys()].join(', ')}`);
    }
    if (startMs >= durationMs || (endMs > durationMs && endMs !== Infinity)) {
      throw new Error(`the fault ${name} at ${startMs} ms does not end within the duration of ${durationMs} ms`);
    }
  }
  return faults;
}

/** Arms a timer for the beginning and the end of each fault. */
export function scheduleFaults(faults: readonly TimedFault[], host: FaultHost): void {
  for (const fault of faults) {
    host.clock.setTimeout(() => begin(fault, host), fault.startMs);
    if (fault.kind !== 'flush' && fault.endMs < Infinity) host.clock.setTimeout(() => end(fault, host), fault.endMs);
  }
}

function begin(fault: TimedFault, host: FaultHost): void {
  host.onEvent(nameOf(fault));
  if (fault.kind === 'stall') host.clients.block();
  if (fault.kind === 'flush') host.clients.flush(fault.target);
  for (const server of targetsOf(fault, host)) apply(fault, server);
}

function end(fault: TimedFault, host: FaultHost): void {
  host.onEvent(`end of ${nameOf(fault)}`);
  if (fault.kind === 'stall') host.clients.unblock();
  for (const server of targetsOf(fault, host)) revert(fault, server);
}

function targetsOf({ target }: TimedFault, { servers }: FaultHost): Iterable<SimulatedServer> {
  return target === undefined ? servers.values() : [servers.get(target) as SimulatedServer];
}

function apply({ kind, by, share }: TimedFault, server: SimulatedServer): void {
  const { effects } = server;
  if (kind === 'slow') effects.slowBy = by;
  else if (kind === 'down') server.goDown();
  else if (kind === 'error') effects.errorShare = share;
  else if (kind === 'hang') effects.hangShare = share;
  else if (kind === 'drop') effects.dropShare = share;
  else if (kind === 'partition') effects.cutShare = share;
  else if (kind === 'flush') server.cool();
}

function revert({ kind }: TimedFault, server: SimulatedServer): void {
  const { effects } = server;
  if (kind === 'slow') effects.slowBy = 1;
  else if (kind === 'down') server.goUp();
  else if (kind === 'error') effects.errorShare = 0;
  else if (kind === 'hang') effects.hangShare = 0;
  else if (kind === 'drop') effects.dropShare = 0;
  else if (kind === 'partition') effects.cutShare = 0;
}

/** Returns a fault in words: `slow api × 6`, `error api 50 %`, `stall`. */
function nameOf({ kind, target, by, share }: TimedFault): string {
  const amount = kind === 'slow' ? ` × ${by}` : share < 1 ? ` ${Math.round(share * 1000) / 10} %` : '';
  return `${kind}${target === undefined ? '' : ` ${target}`}${amount}`;
}
