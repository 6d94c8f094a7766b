import { breakerAt, millis, percent, seconds } from './format.js';
import type { Run } from './run.js';
import { spans } from './scenario.js';
import { endedSince, ofCalls } from './stats.js';
import type { Side } from './traffic.js';

const POLL_MS = 100;

/**
 * Writes the run as plain lines, for pipes and logs: every phase, every transition of the breaker, and figures at
 * intervals.
 */
export function lineView(run: Run, write: (line: string) => void): { close(): void } {
  const { scenario, seconds: length } = run.settings;
  const everyMs = Math.max(1_000, (length * 1000) / 15);
  let phases = 0;
  let reported = 0;
  let transitions = 0;

  const poll = (): void => {
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

  const timer = setInterval(poll, POLL_MS);
  return {
    close() {
      clearInterval(timer);
      poll();
    },
  };
}

/** Summarises the calls that ended after `sinceMs`, and the open calls. */
function summary(side: Side, sinceMs: number): string {
  const { successRate, p99Ms } = ofCalls(endedSince(side, sinceMs));
  return `${percent(successRate).padStart(7)}, p99 ${millis(p99Ms).padStart(7)}, ${String(side.openCalls).padStart(3)} waiting`;
}
