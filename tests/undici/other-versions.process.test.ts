import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { run } from '../package/installed/run.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const tsx = import.meta.resolve('tsx');

const onThisNode = (...args: string[]) => run(root, process.execPath, ...args);
const onNode =
  (version: number) =>
  (...args: string[]) =>
    run(root, 'npx', '-y', '-p', `node@${version}`, 'node', ...args);

/** Runs scenarios in a process of their own. Returns what has failed. */
async function failuresOf(node: typeof onThisNode, folder: string, major: number, what: string): Promise<unknown[]> {
  const output = await node('--import', tsx, 'tests/support/children/undici.ts', folder, String(major), what);
  const { passed, failures } = JSON.parse(output.trim().split('\n').at(-1) ?? '');
  expect(passed + failures.length).toBeGreaterThan(0);
  return failures;
}

describe.each([
  ['undici-6', 6, 'this Node', onThisNode],
  ['undici', 7, 'this Node', onThisNode],
  ['undici-6', 6, 'Node 22', onNode(22)],
  ['undici', 7, 'Node 22', onNode(22)],
  ['undici-8', 8, 'Node 22', onNode(22)],
  ['undici-6', 6, 'Node 24', onNode(24)],
  ['undici', 7, 'Node 24', onNode(24)],
  ['undici-8', 8, 'Node 24', onNode(24)],
  ['undici', 7, 'Node 26', onNode(26)],
  ['undici-8', 8, 'Node 26', onNode(26)],
] as const)('%s as the global dispatcher', (folder, major, name, node) => {
  it(`guards the fetch of ${name}`, async () => {
    expect(await failuresOf(node, folder, major, 'global')).toEqual([]);
  });
});

describe('undici-6 as the global dispatcher of Node 26', () => {
  it('guards nothing, since Node 26 reads another variable', async () => {
    expect(await failuresOf(onNode(26), 'undici-6', 6, 'global')).not.toEqual([]);
  });
});

describe('undici 8', () => {
  it('behaves with the interceptor as undici 6 and 7 do', async () => {
    expect(await failuresOf(onNode(24), 'undici-8', 8, 'scenarios')).toEqual([]);
  });
});
