import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { bundle } from './bundle.js';
import { plainSource, resilientSource, scalingNote, type Transition } from './clients.js';
import type { Run } from './run.js';
import { spans } from './scenario.js';
import { figures } from './stats.js';
import { failureLine, type Row, rows } from './table.js';

/** The data of the page in report/. Times are in seconds, rates are shares, and a missing value is null. */
export interface ReportData {
  readonly scenario: string;
  readonly story: string;
  readonly seconds: number;
  readonly elapsed: number;
  readonly rps: number;
  readonly seed: number;
  readonly environment: string;
  readonly sources: { readonly plain: string; readonly resilient: string; readonly note: string };
  readonly phases: readonly { name: string; story: string; start: number; end: number }[];
  readonly times: readonly number[];
  readonly plain: Series;
  readonly resilient: Series;
  readonly transitions: readonly Transition[];
  readonly rows: readonly Row[];
  readonly failures: readonly string[];
}

/** The values of one side, one for each slice of time. */
interface Series {
  readonly success: readonly (number | null)[];
  readonly p50: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
  /** Requests per second that reached the server. */
  readonly load: readonly number[];
}

/** Writes one self-contained HTML file and returns its path. */
export async function writeReport(run: Run, path: string): Promise<string> {
  const file = resolve(path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, await page(reportData(run)));
  return file;
}

function reportData(run: Run): ReportData {
  const { scenario, seconds, rps, seed } = run.settings;
  const elapsedMs = Math.min(run.elapsedMs(), seconds * 1000);
  const slots = Math.max(10, Math.min(90, Math.round((seconds * rps) / 25)));
  const slotMs = (seconds * 1000) / slots;
  const starts = Array.from({ length: Math.max(1, Math.ceil(elapsedMs / slotMs)) }, (_, slot) => slot * slotMs);
  const series = (side: 'plain' | 'resilient'): Series => {
    const all = starts.map((start) => figures(run[side], start, start + slotMs));
    return {
      success: all.map(({ successRate }) => successRate),
      p50: all.map(({ p50Ms }) => p50Ms),
      p99: all.map(({ p99Ms }) => p99Ms),
      load: all.map(({ upstreamRequests }) => (upstreamRequests * 1000) / slotMs),
    };
  };
  return {
    scenario: scenario.name,
    story: scenario.story,
    seconds,
    elapsed: elapsedMs / 1000,
    rps,
    seed,
    environment: `Node ${process.version}, ${process.platform} ${process.arch}, ${new Date().toISOString()}`,
    sources: { plain: plainSource, resilient: resilientSource(seconds * 1000), note: scalingNote },
    phases: spans(scenario).map(({ phase: { name, story }, start, end }) => ({
      name,
      story,
      start: start * seconds,
      end: end * seconds,
    })),
    times: starts.map((start) => (start + slotMs / 2) / 1000),
    plain: series('plain'),
    resilient: series('resilient'),
    transitions: run.resilient.transitions,
    rows: rows(run),
    failures: [failureLine(run, 'plain'), failureLine(run, 'resilient')],
  };
}

async function page(data: ReportData): Promise<string> {
  const files = await bundle('./report/page.ts', { minify: true });
  const output = (extension: string): string => files.find(({ path }) => path.endsWith(extension))?.text ?? '';
  // Neither the script nor the data may contain the end tag of its element.
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>breakwater: ${data.scenario}</title>
<style>${output('.css')}</style>
<main id="report"></main>
<noscript>The charts need JavaScript.</noscript>
<script type="application/json" id="data">${JSON.stringify(data).replaceAll('<', '\\u003c')}</script>
<script>${output('.js').replaceAll('</script', '<\\/script')}</script>
</html>
`;
}
