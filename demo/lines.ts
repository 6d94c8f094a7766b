import { breakerAt, millis, percent, seconds } from './format.js';
import type { Run } from './run.js';
import { spans } from './scenario.js';
import { endedSince, ofCalls } from './stats.js';
import type { Side } from './traffic.js';

const LOOK_MS = 100;

/** The run as plain lines, for pipes and logs: every phase, every change of the breaker, and figures now and then. */
export function lineView(run: Run, write: (line: string) => void): { close(): void } {
  const { scenario, seconds: length } = run.settings;
  const everyMs = Math.max(1_000, (length * 1000) / 15);
  let phases = 0;
  let reported = 0;
  let transitions = 0;

  const look = (): void => {
    const elapsed = run.elapsedMs();
    if (elapsed === 0) return; // the servers are still starting
    const at = seconds(elapsed).padStart(7);
    for (const { phase, start } of spans(scenario).slice(phases)) {
      if (start * length * 1000 > elapsed) break;
      write(`${seconds(start * length * 1000).padStart(7)}  ${phase.name}: ${phase.story}`);
      phases++;
    }
    for (const change of run.resilient.transitions.slice(transitions)) {
      write(`${seconds(change.atMs).padStart(7)}    breaker ${change.from} → ${change.to} (${change.reason})`);
      transitions++;
    }
    if (elapsed - reported >= everyMs) {
      const { plain, resilient } = run;
      const state = breakerAt(resilient.transitions, elapsed);
      write(
        `${at}    plain ${summary(plain, reported)}    resilient ${summary(resilient, reported)}, breaker ${state}`,
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

/** The calls that ended since, and those still open. */
function summary(side: Side, sinceMs: number): string {
  const { successRate, p99Ms } = ofCalls(endedSince(side, sinceMs));
  return `${percent(successRate).padStart(7)}, p99 ${millis(p99Ms).padStart(7)}, ${String(side.openCalls).padStart(3)} waiting`;
}
