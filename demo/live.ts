import { createLogUpdate } from 'log-update';
import { breakerAt, type Colors, millis, NAMES, percent, seconds } from './format.js';
import type { Run } from './run.js';
import { phaseAt } from './scenario.js';
import { endedSince, ofCalls } from './stats.js';
import { breakerStrip, phaseStrip, SuccessStrip } from './strips.js';
import type { Side } from './traffic.js';

const LABEL = 19;
const COLUMN = 10;
const RECENT_MS = 2_000;
const FRAME_MS = 100;

/** The minimum width of the terminal, in columns. */
export const LEAST_COLUMNS = 80;

/** Draws the state of the run in place until it is closed. The last frame remains visible. */
export function liveView(run: Run, out: NodeJS.WriteStream, colors: Colors): { close(): void } {
  const update = createLogUpdate(out);
  const width = Math.min(out.columns, 120) - LABEL - 1;
  const frame = frameOf(run, width, colors);
  const draw = (): void => update(frame());
  draw();
  const timer = setInterval(draw, FRAME_MS);
  return {
    close() {
      clearInterval(timer);
      draw();
      update.done();
    },
  };
}

/**
 * Returns a function that draws one frame. All strips cover the whole run, so each column shows one slice of time in
 * every strip.
 */
function frameOf(run: Run, width: number, colors: Colors): () => string {
  const { scenario, seconds: length, rps } = run.settings;
  const durationMs = length * 1000;
  const slotMs = durationMs / width;
  const plain = new SuccessStrip(run.plain, width, slotMs, colors);
  const resilient = new SuccessStrip(run.resilient, width, slotMs, colors);

  return () => {
    const elapsed = run.elapsedMs();
    const fraction = Math.min(1, elapsed / durationMs);
    const phase = phaseAt(scenario, fraction);
    const done = Math.round(fraction * width);
    const state = breakerAt(run.resilient.transitions, elapsed);
    const row = (side: Side, strip: SuccessStrip): string => {
      const recent = ofCalls(endedSince(side, elapsed - RECENT_MS));
      return cells([
        percent(strip.successRate()),
        percent(recent.successRate),
        millis(recent.p50Ms),
        millis(recent.p99Ms),
        `${side.openCalls}`,
        `${side.arrivals.length}`,
      ]);
    };
    return [
      `${colors.bold(`${rps} requests per second to each side`)}   ${seconds(elapsed)} of ${length} s`,
      labelled(`${(100 * fraction).toFixed(0)} %`, `${'█'.repeat(done)}${colors.dim('░'.repeat(width - done))}`),
      labelled('', colors.dim(phaseStrip(scenario, width))),
      labelled(`now: ${phase.name}`, phase.story.slice(0, width)),
      '',
      labelled('', colors.dim(cells(['success', 'success', 'p50', 'p99', 'waiting', 'reached']))),
      labelled('', colors.dim(cells(['so far', 'last 2 s', 'last 2 s', 'last 2 s', 'now', 'server']))),
      labelled(NAMES.plain, row(run.plain, plain)),
      labelled(NAMES.resilient, row(run.resilient, resilient)),
      '',
      colors.dim('success, by start of the call; state of the breaker'),
      labelled(NAMES.plain, plain.draw(done)),
      labelled(NAMES.resilient, resilient.draw(done)),
      labelled(`breaker: ${state}`, breakerStrip(run.resilient.transitions, done, slotMs, colors)),
    ].join('\n');
  };
}

const cells = (texts: string[]): string => texts.map((text) => text.padStart(COLUMN)).join('');

const labelled = (label: string, rest: string): string => `${label.padEnd(LABEL)}${rest}`;
