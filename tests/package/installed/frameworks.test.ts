/** Applications in NestJS (CommonJS) and Next.js that use the installed package. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixtureProject } from './install.js';
import { childEnvironment, runNode } from './run.js';

describe('A NestJS application in CommonJS', () => {
  let project = '';

  beforeAll(async () => {
    project = await fixtureProject('nest');
  });

  it('the application builds with tsc and answers over HTTP', async () => {
    await runNode(project, 'node_modules/typescript/bin/tsc', '-p', '.');
    expect(JSON.parse(await runNode(project, 'dist/main.js'))).toEqual({
      status: 200,
      body: { price: '12.50' },
      requests: ['/prices/7', '/prices/7'],
    });
  });

  it('the tests of the application pass in Jest', async () => {
    await runNode(project, 'node_modules/jest/bin/jest.js', '--ci');
  });
});

describe('A Next.js application', () => {
  const next = 'node_modules/next/dist/bin/next';
  let project = '';
  let requests = 0;
  let origin: Server;
  let application: ChildProcess | undefined;

  beforeAll(async () => {
    project = await fixtureProject('next');
    origin = createServer((_request, response) => {
      response.statusCode = ++requests === 1 ? 503 : 200;
      response.end('12.50');
    });
    await once(origin.listen(0, '127.0.0.1'), 'listening');
  });

  afterAll(async () => {
    origin.closeAllConnections();
    origin.close();
    if (application === undefined || application.exitCode !== null) return;
    application.kill();
    await once(application, 'exit');
  });

  it('the application builds, and its route handler answers over HTTP', async () => {
    await runNode(project, next, 'build');
    const port = await freePort();
    const address = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;
    application = spawn(process.execPath, [next, 'start', '--hostname', '127.0.0.1', '--port', String(port)], {
      cwd: project,
      env: { ...childEnvironment(), ORIGIN: address },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await untilReady(application);
    const responses = [];
    for (let call = 0; call < 3; call++) responses.push(await fetch(`http://127.0.0.1:${port}/price`));
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(await responses[0]?.json()).toEqual({ status: 200, price: '12.50' });
    expect(requests).toBe(3);
  });
});

async function freePort(): Promise<number> {
  const server = createTcpServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Waits until Next.js prints that it serves requests. */
async function untilReady(application: ChildProcess): Promise<void> {
  let printed = '';
  for await (const chunk of application.stdout ?? []) {
    printed += String(chunk);
    if (printed.includes('Ready in')) return;
  }
  throw new Error(`next start has ended:\n${printed}`);
}
