/** `nodeErrors` judges what Node.js throws. */
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import { firstOf, nodeErrors } from 'breakwater';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closedPort, rejectionOf, running, verdictOf } from './support.js';

const classify = firstOf(nodeErrors());
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'breakwater-node-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('nodeErrors', () => {
  it('an answer of the file system is a success', async () => {
    await writeFile(join(folder, 'file'), 'x');
    await mkdir(join(folder, 'full/inner'), { recursive: true });
    expect(await verdictOf(classify, readFile(join(folder, 'none')))).toBe('success');
    expect(await verdictOf(classify, readFile(folder))).toBe('success');
    expect(await verdictOf(classify, open(join(folder, 'file'), 'wx'))).toBe('success');
    expect(await verdictOf(classify, rmdir(join(folder, 'full')))).toBe('success');
    expect(await verdictOf(classify, readFile(join(folder, 'file/inner')))).toBe('success');
  });

  it('a full disk is a failure', async () => {
    expect(await verdictOf(classify, writeFile('/dev/full', 'x'))).toBe('failure');
  });

  it('a refused connection is a failure', async () => {
    const socket = connect(await closedPort(), '127.0.0.1');
    const [error] = await once(socket, 'error');
    expect(classify({ ok: false, error }, running)).toBe('failure');
  });

  it('a DNS server that does not answer, and an unknown name, are failures', async () => {
    const silent = createSocket('udp4').bind(0, '127.0.0.1');
    await once(silent, 'listening');
    const resolver = new Resolver({ timeout: 50, tries: 1 });
    resolver.setServers([`127.0.0.1:${silent.address().port}`]);
    expect(await verdictOf(classify, resolver.resolve4('example.com'))).toBe('failure');
    silent.close();
  });

  it('a write after the end of a stream is ignored', async () => {
    const stream = new PassThrough();
    stream.end();
    const failed = once(stream, 'error');
    stream.write('late');
    const [error] = await failed;
    expect(classify({ ok: false, error }, running)).toBe('ignore');
  });

  it('an abort is ignored only if the signal of the call is aborted', async () => {
    const signal = AbortSignal.abort();
    const error = await rejectionOf(readFile(folder, { signal }));
    expect(classify({ ok: false, error }, { ...running, signal })).toBe('ignore');
    expect(classify({ ok: false, error }, running)).toBe('failure');
  });

  it('a program that does not exist is a success, and its exit code is a failure', async () => {
    const run = promisify(execFile);
    expect(await verdictOf(classify, run(join(folder, 'none')))).toBe('success');
    expect(await verdictOf(classify, run(process.execPath, ['-e', 'process.exit(3)']))).toBe('failure');
  });
});
