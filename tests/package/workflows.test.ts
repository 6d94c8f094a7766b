import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const FOLDER = new URL('../../.github/workflows/', import.meta.url);

interface Job {
  readonly name: string;
  /** Its lines, without comments. */
  readonly text: string;
  /** Its permissions, as `name: access`. */
  readonly permissions: readonly string[];
  /** The commands of its steps. */
  readonly commands: string;
}

const files = readdirSync(FOLDER).map((name) => {
  const lines = readFileSync(new URL(name, FOLDER), 'utf8').split('\n');
  return { name, lines: lines.filter((line) => !/^\s*#/.test(line)) };
});
const jobs = files.flatMap(({ name, lines }) => jobsOf(name, lines));

/** Reads the two levels of indentation that all workflows have: jobs by two spaces, their members by four. */
function jobsOf(file: string, lines: readonly string[]): Job[] {
  const inJobs = lines.slice(lines.indexOf('jobs:') + 1);
  return blocks(inJobs, 2).map(({ name, lines: members }) => ({
    name: `${file}: ${name}`,
    text: members.join('\n'),
    permissions: blocks(members, 4)
      .filter((member) => member.name === 'permissions')
      .flatMap((member) => member.lines.map((line) => line.replace(/#.*/, '').trim())),
    commands: commandsOf(members),
  }));
}

function blocks(lines: readonly string[], indent: number): { name: string; lines: string[] }[] {
  const found: { name: string; lines: string[] }[] = [];
  for (const line of lines) {
    const name = new RegExp(`^ {${indent}}([\\w-]+):`).exec(line)?.[1];
    if (name !== undefined) found.push({ name, lines: [] });
    else if (line.trim() !== '') found.at(-1)?.lines.push(line);
  }
  return found;
}

/** The commands after `run:`, on the same line or on the lines that are indented further. */
function commandsOf(lines: readonly string[]): string {
  const commands: string[] = [];
  let indent = Infinity;
  for (const line of lines) {
    const start = /^(\s*(?:- )?)run:\s*(.*)/.exec(line);
    if (start !== null) {
      indent = start[1]!.length;
      commands.push(start[2]!);
    } else if (line.search(/\S/) > indent) commands.push(line.trim());
    else indent = Infinity;
  }
  return commands.join('\n');
}

const publishers = jobs.filter(({ permissions }) => permissions.includes('id-token: write'));
const writers = jobs.filter(({ permissions }) => permissions.some((permission) => permission.endsWith(': write')));

describe('The workflows', () => {
  it('the workflows have the jobs that the rules below name', () => {
    expect(jobs.map(({ name }) => name)).toEqual([
      'ci.yml: check',
      'nightly.yml: check',
      'release.yml: test',
      'release.yml: publish',
      'release.yml: tag',
      'release.yml: version',
    ]);
  });

  it('the workflows pin every action to a commit with its version in a comment', () => {
    const uses = files.flatMap(({ lines }) => lines.filter((line) => /\buses:/.test(line)));
    expect(uses.length).toBeGreaterThan(5);
    for (const line of uses) expect(line).toMatch(/uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it('the workflows pin each action to one commit everywhere', () => {
    const pins = new Set(files.flatMap(({ lines }) => lines.join('\n').match(/uses: \S+/g) ?? []));
    const actions = new Set([...pins].map((pin) => pin.split('@')[0]));
    expect(pins.size).toBe(actions.size);
  });

  it.each(files)('$name grants no permissions except those that a job requests', ({ lines }) => {
    expect(lines).toContain('permissions: {}');
    expect(lines.join('\n')).not.toMatch(/write-all|read-all|pull_request_target|workflow_run/);
  });

  it.each(jobs)('$name lists its permissions', ({ permissions }) => {
    expect(permissions).not.toEqual([]);
    for (const permission of permissions) expect(permission).toMatch(/^[a-z-]+: (read|write)$/);
  });

  it('only one job publishes, and this job has no other permission', () => {
    expect(publishers.map(({ name, permissions }) => ({ name, permissions }))).toEqual([
      { name: 'release.yml: publish', permissions: ['id-token: write'] },
    ]);
  });

  it.each(publishers)('$name has no checkout, installs nothing and builds nothing', ({ text, commands }) => {
    expect(text).not.toContain('actions/checkout');
    expect(commands).not.toMatch(/npm (ci|i|install|run|test|exec|pack)\b|npx|node |bash /);
    expect(commands).toMatch(/sha256sum --check --strict\nnpm publish .*--ignore-scripts --provenance/);
  });

  it('jobs with write permissions run no code of this repository besides `changeset version`', () => {
    expect(writers.map(({ name }) => name)).toEqual([
      'release.yml: publish',
      'release.yml: tag',
      'release.yml: version',
    ]);
    for (const { name, commands } of writers) {
      expect(commands, name).not.toMatch(/npm (run|test|t|start|exec|pack)\b|npx|node |bash |\.ci\/run/);
    }
  });

  it('every installation disables install scripts', () => {
    const ci = readFileSync(new URL('../../.ci/run', import.meta.url), 'utf8');
    const commands = [...jobs.map((job) => job.commands), ci].join('\n');
    const installs = commands.match(/^npm (ci|i|install)\b.*$/gm) ?? [];
    expect(installs.length).toBe(4);
    for (const install of installs) expect(install).toContain('--ignore-scripts');
  });

  it.each(jobs)('$name leaves no credentials in the checkout', ({ text }) => {
    const checkouts = text.match(/actions\/checkout@/g)?.length ?? 0;
    expect(text.match(/persist-credentials: false/g)?.length ?? 0).toBe(checkouts);
  });

  it('a release uses no cache, which a pull request could have filled', () => {
    for (const { name, text } of jobs.filter((job) => job.name.startsWith('release.yml'))) {
      expect(text, name).not.toMatch(/actions\/cache@|^\s*cache:/m);
    }
  });
});
