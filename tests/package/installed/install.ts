/** Projects that install the packed package. */
import { cpSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';
import { run } from './run.js';

const fixtures = fileURLToPath(new URL('fixtures/', import.meta.url));

const QUIET = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund'] as const;

/** Returns a new project without dependencies, in which the package is installed. */
export async function emptyProject(type: 'module' | 'commonjs', ...aliases: readonly string[]): Promise<string> {
  const project = mkdtempSync(join(inject('projects'), `${type}-`));
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type }));
  const tarball = inject('tarball');
  const specifiers = [tarball, ...aliases.map((alias) => `${alias}@file:${tarball}`)];
  await run(project, 'npm', 'install', '--no-save', ...QUIET, ...specifiers);
  return project;
}

/**
 * Returns a copy of `fixtures/<name>` with its pinned dependencies, in which the package is installed.
 * @param shared - Files of `fixtures/shared` that are copied too, with the names that they get.
 */
export async function fixtureProject(name: string, shared: Readonly<Record<string, string>> = {}): Promise<string> {
  const project = mkdtempSync(join(inject('projects'), `${name}-`));
  cpSync(join(fixtures, name), project, { recursive: true });
  for (const [from, to] of Object.entries(shared)) cpSync(join(fixtures, 'shared', from), join(project, to));
  await run(project, 'npm', 'ci', ...QUIET);
  await run(project, 'npm', 'install', '--no-save', ...QUIET, inject('tarball'));
  return project;
}
