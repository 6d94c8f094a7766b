import { breakerAt, millis, NAMES, percent, seconds } from './format.js';
import type { Run } from './run.js';
import { phaseAt } from './scenario.js';
import { figures } from './stats.js';
import type { Side } from './traffic.js';

const LOOK_MS = 100;

/** The run as plain lines, for pipes and logs: every phase, every change of the breaker, and figures now and then. */
export function lineView(run: Run, write: (line: string) => void): { close(): void } {
  const { scenario, seconds: length } = run.settings;
  const everyMs = Math.max(1_000, (length * 1000) / 15);
  let phaseName = '';
  let reported = 0;
  let transitions = 0;

  const look = (): void => {
    const elapsed = run.elapsedMs();
    if (elapsed === 0) return; // the servers are still starting
    const at = seconds(elapsed).padStart(7);
    const phase = phaseAt(scenario, elapsed / (length * 1000));
    if (phase.name !== phaseName) {
      phaseName = phase.name;
      write(`${at}  ${phase.name}: ${phase.story}`);
    }
    for (const change of run.resilient.transitions.slice(transitions)) {
      write(`${seconds(change.atMs).padStart(7)}    breaker ${change.from} → ${change.to} (${change.reason})`);
      transitions++;
    }
    if (elapsed - reported >= everyMs) {
      const side = (name: keyof typeof NAMES): string => `${NAMES[name]} ${summary(run[name], reported, elapsed)}`;
      write(
        `${at}    ${side('plain')}   ${side('resilient')}   breaker ${breakerAt(run.resilient.transitions, elapsed)}`,
      );
      reported = elapsed;
    }
  };

  const timer = setInterval(look, LOOK_MS);
  return {
    close() {
      clearInterval(timer);
      look();
    },
  };
}

function summary(side: Side, fromMs: number, toMs: number): string {
  const { successRate, p99Ms, upstreamRequests } = figures(side, fromMs, toMs);
  return `${percent(successRate).padStart(7)}, p99 ${millis(p99Ms).padStart(7)}, server ${String(upstreamRequests).padStart(4)}`;
}
