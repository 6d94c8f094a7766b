/** Builds and packs the package once, as `npm publish` does, for all tests of this folder. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { run } from './run.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The path of the packed tarball. */
    readonly tarball: string;
    /** The folder with the sources and the output of the build, `build` and `dist`. */
    readonly stage: string;
    /** A folder for the projects that install the tarball. It is deleted after the tests. */
    readonly projects: string;
  }
}

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** What the build and the tarball need. */
const sources = [
  ...['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'CONTRIBUTING.md'],
  ...['src', 'docs', 'examples', 'reference', 'scripts'],
  ...['tsup.config.ts', 'tsconfig.json', 'tsconfig.build.json', 'tsconfig.node.json'],
];

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const temporary = mkdtempSync(join(tmpdir(), 'breakwater-'));
  const [stage, projects] = [join(temporary, 'stage'), join(temporary, 'projects')];
  mkdirSync(stage);
  mkdirSync(projects);
  for (const name of sources) {
    if (existsSync(join(root, name))) cpSync(join(root, name), join(stage, name), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(stage, 'node_modules'));
  await run(stage, 'npm', 'pack', '--pack-destination', temporary); // runs `prepack`, which builds
  const tarball = readdirSync(temporary).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack has made no tarball');
  project.provide('tarball', join(temporary, tarball));
  project.provide('stage', stage);
  project.provide('projects', projects);
  return () => rm(temporary, { recursive: true, force: true });
}
