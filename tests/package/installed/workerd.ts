import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';

export interface WorkerOptions {
  /** The folder with workerd in its `node_modules`. */
  readonly project: string;
  /** The bundled module, in that folder. */
  readonly script: string;
  readonly date: string;
  readonly bindings: Readonly<Record<string, string>>;
}

export interface RunningWorker {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts workerd, the runtime of Cloudflare Workers, with one worker that may reach the loopback interface. */
export async function startWorker({ project, script, date, bindings }: WorkerOptions): Promise<RunningWorker> {
  const port = await freePort();
  const config = join(project, `worker-${date}.capnp`);
  const list = Object.entries(bindings).map(([name, value]) => `(name = "${name}", text = "${value}")`);
  writeFileSync(
    config,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main), (name = "internet", network = (allow = ["private"]))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "${script}", esModule = embed "${script}")],
  compatibilityDate = "${date}",
  bindings = [${list.join(', ')}],
);
`,
  );
  const binary = join(project, 'node_modules/@cloudflare/workerd-linux-64/bin/workerd');
  const child = spawn(binary, ['serve', config], { stdio: ['ignore', 'inherit', 'inherit'] });
  const url = `http://127.0.0.1:${port}`;
  await untilItAnswers(url, child);
  return {
    url,
    close: async () => {
      child.kill();
      await once(child, 'close');
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function untilItAnswers(url: string, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (child.exitCode !== null) throw new Error(`workerd has ended with exit code ${child.exitCode}`);
    const isUp = await fetch(url).then(
      () => true,
      () => false,
    );
    if (isUp) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('workerd does not answer');
}
