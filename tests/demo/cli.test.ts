import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import type { Figures, JsonResult } from '../../demo/stats.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'breakwater-demo-'));
afterAll(() => rmSync(folder, { recursive: true }));

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', 'demo/main.ts', ...args], { cwd: root });
}

async function end(child: ChildProcess) {
  const [out, err, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'exit')]);
  return { out, err, code };
}

describe('demo --json', { timeout: 30_000 }, () => {
  test('--json prints one object and nothing else', async () => {
    const file = join(folder, 'report.html');
    const { out, code } = await end(start('--json', '--seconds', '3', '--rps', '50', '--report', file));
    expect(code).toBe(0);
    expect(out.trimEnd().split('\n')).toHaveLength(1);

    const result: JsonResult = JSON.parse(out);
    const busy = result.busy === undefined ? [] : ['busy'];
    expect(Object.keys(result)).toEqual(['scenario', 'seconds', 'plain', 'resilient', ...busy]);
    expect(result).toMatchObject({ scenario: 'outage', seconds: 3 });
    const keys = ['requests', 'successes', 'successRate', 'p50Ms', 'p99Ms', 'upstreamRequests'];
    expect(Object.keys(result.plain)).toEqual(keys);
    expect(Object.keys(result.resilient)).toEqual([...keys, 'breakerTransitions']);
    expect(result.resilient.breakerTransitions).toBeInstanceOf(Array);
    for (const side of [result.plain, result.resilient]) checkSide(side);

    const html = readFileSync(file, 'utf8');
    expect(html).toContain('<!doctype html>');
    expect(html, 'needs nothing from elsewhere').not.toMatch(/(src|href)\s*=\s*["']|@import|url\(/);
  });

  function checkSide(side: Figures): void {
    expect(side.requests).toBe(150);
    expect(side.successes).toBeGreaterThan(0);
    expect(side.successes).toBeLessThan(side.requests);
    expect(side.successRate).toBeCloseTo(side.successes / side.requests, 3);
    expect(side.p99Ms).toBeGreaterThanOrEqual(side.p50Ms!);
    expect(side.upstreamRequests).toBeGreaterThan(0);
  }
});

describe('The demo in a pipe', { timeout: 30_000 }, () => {
  test('Ctrl-C ends the run with the figures so far and leaves no process', async () => {
    const child = start('--seconds', '60', '--report', join(folder, 'stopped.html'));
    const ended = end(child);
    await untilRunning(child);
    const servers = childrenOf(child.pid!);
    expect(servers).toHaveLength(2);
    child.kill('SIGINT');
    child.kill('SIGINT'); // npm forwards the signal that the terminal sends to all processes
    const { out, code } = await ended;
    expect(code).toBe(130);
    expect(out).toMatch(/timeout: 2000/);
    expect(out).toMatch(/whole run/);
    expect(out).toMatch(/report: file:.*stopped\.html/);
    await untilGone(servers);
  });

  test('Ctrl-C while the servers start ends the run too', async () => {
    const child = start('--json', '--seconds', '60');
    const ended = end(child);
    await expect.poll(() => childrenOf(child.pid!).length, { timeout: 10_000, interval: 5 }).toBeGreaterThan(0);
    child.kill('SIGINT');
    const { out, code } = await ended;
    expect(code).toBe(130);
    expect(JSON.parse(out)).toMatchObject({ scenario: 'outage' });
  });

  test('the servers exit when their parent is killed', async () => {
    const child = start('--seconds', '60');
    const ended = end(child);
    await untilRunning(child);
    const servers = childrenOf(child.pid!);
    child.kill('SIGKILL');
    await ended;
    await untilGone(servers);
  });
});

describe('The arguments of the demo', { timeout: 30_000 }, () => {
  test.each([
    [['--seconds', 'x'], /--seconds.*'x' is invalid.*from 2 to 600/],
    [['--seconds', '1'], /--seconds.*from 2 to 600/],
    [['--rps', '1e9'], /--rps.*from 1 to 200/],
    [['--scenario', 'nope'], /--scenario.*outage, flaky, healthy/],
    [['--what'], /unknown option '--what'/],
    [['more'], /too many arguments/],
  ])('the arguments %j are rejected', async (args, message) => {
    const { out, err, code } = await end(start(...args));
    expect({ out, code }).toEqual({ out: '', code: 2 });
    expect(err).toMatch(message);
  });

  test('--help names every option and scenario', async () => {
    const { out, code } = await end(start('--help'));
    expect(code).toBe(0);
    for (const word of ['--seconds', '--rps', '--scenario', '--json', '--report', '--seed', 'outage', 'flaky']) {
      expect(out).toContain(word);
    }
  });
});

async function untilRunning(child: ChildProcess): Promise<void> {
  for (let seen = ''; !seen.includes('healthy:'); ) seen += (await once(child.stdout!, 'data'))[0];
}

/** Waits until the processes have ended. A killed process takes a moment, and its zombie remains until it is reaped. */
async function untilGone(pids: number[]): Promise<void> {
  const left = () => processes().filter(({ pid, state }) => pids.includes(pid) && !state.startsWith('Z'));
  await expect.poll(left, { timeout: 5_000 }).toEqual([]);
}

const childrenOf = (parent: number): number[] =>
  processes()
    .filter(({ ppid, state, args }) => ppid === parent && !state.startsWith('Z') && args.includes('--input-type'))
    .map(({ pid }) => pid);

function processes(): { pid: number; ppid: number; state: string; args: string }[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' }).trim().split('\n');
  return lines.map((line) => {
    const [pid, ppid, state = '', ...args] = line.trim().split(/\s+/);
    return { pid: Number(pid), ppid: Number(ppid), state, args: args.join(' ') };
  });
}
