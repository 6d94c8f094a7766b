/**
 * Installs the real clients on first use, and starts PostgreSQL and Redis for all tests of this folder. A server that is
 * not installed is not started, and its tests are skipped; `.ci/run` installs both.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** The port of the PostgreSQL server; undefined if PostgreSQL is not installed. */
    readonly postgres: number | undefined;
    /** The port of the Redis server; undefined if Redis is not installed. */
    readonly redis: number | undefined;
  }
}

const here = fileURLToPath(new URL('./', import.meta.url));
const run = promisify(execFile);

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  install();
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-clients-'));
  const stops: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true })];
  const stop = async (): Promise<void> => {
    for (const end of stops.reverse()) await end();
  };
  try {
    project.provide('postgres', await startPostgres(join(folder, 'postgres'), stops));
    project.provide('redis', await startRedis(stops));
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}

/** Installs the packages of the lockfile, unless they are installed already, and generates the Prisma client. */
function install(): void {
  const lock = createHash('sha256')
    .update(readFileSync(join(here, 'package-lock.json')))
    .update(readFileSync(join(here, 'prisma/schema.prisma')))
    .digest('hex');
  const stamp = join(here, 'node_modules/.installed');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: here, stdio: 'inherit' });
  // Prisma would download an engine that only migrations need.
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true', CHECKPOINT_DISABLE: '1' };
  execFileSync(process.execPath, ['node_modules/prisma/build/index.js', 'generate'], { cwd: here, env });
  writeFileSync(stamp, lock);
}

/** Starts PostgreSQL on a free port. As root it runs under the account of the Debian package. */
async function startPostgres(data: string, stops: (() => Promise<void>)[]): Promise<number | undefined> {
  const bin = postgresFolder();
  if (bin === undefined) return undefined;
  mkdirSync(data);
  const account = process.getuid?.() === 0 ? accountOf('postgres') : {};
  if (account.uid !== undefined) {
    chownSync(join(data, '..'), account.uid, account.gid ?? account.uid);
    chownSync(data, account.uid, account.gid ?? account.uid);
  }
  await run(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync'], { ...account, cwd: data });
  const port = await freePort();
  const settings = ['-c', 'fsync=off', '-c', 'max_connections=30', '-k', data, '-h', '127.0.0.1', '-p', String(port)];
  const server = spawn(join(bin, 'postgres'), ['-D', data, ...settings], { ...account, cwd: data, stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  stops.push(async () => {
    server.kill('SIGINT');
    await ended;
  });
  await until(() => run(join(bin, 'pg_isready'), ['-h', '127.0.0.1', '-p', String(port)]));
  return port;
}

/** The folder of the newest PostgreSQL of Debian, or that of the PATH. */
function postgresFolder(): string | undefined {
  const versions = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql').sort() : [];
  const newest = versions.map((version) => `/usr/lib/postgresql/${version}/bin`).pop();
  const folders = [...(newest === undefined ? [] : [newest]), ...(process.env.PATH ?? '').split(':')];
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'pg_isready')));
}

function accountOf(user: string): { readonly uid?: number; readonly gid?: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

async function startRedis(stops: (() => Promise<void>)[]): Promise<number | undefined> {
  const isInstalled = (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, 'redis-server')));
  if (!isInstalled) return undefined;
  const port = await freePort();
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const server = spawn('redis-server', flags, { cwd: tmpdir(), stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  stops.push(async () => {
    server.kill();
    await ended;
  });
  await until(async () => {
    const { stdout } = await run('redis-cli', ['-p', String(port), 'ping']);
    if (!stdout.includes('PONG')) throw new Error(stdout);
  });
  return port;
}

/** Repeats an attempt until it succeeds; at most for 30 s. */
async function until(attempt: () => Promise<unknown>): Promise<void> {
  for (let left = 300; ; left--) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
