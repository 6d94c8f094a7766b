import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Prepare } from './bench.js';

/** How many requests one use makes. */
export const REQUESTS = 500;
const IN_FLIGHT = 50;

/** One for each process that measures. */
let url: Promise<string> | undefined;

async function startServer(): Promise<string> {
  const server = fork(new URL('server.js', import.meta.url), { execArgv: [] });
  const [port] = (await once(server, 'message')) as [number];
  return `http://127.0.0.1:${port}/items`;
}

/** The URL of a server of its own for this process. */
export function serverUrl(): Promise<string> {
  url ??= startServer();
  return url;
}

/** Many requests, so many at a time, each answer read to its end by `send`. */
export const requests =
  (makeSend: () => (url: string) => Promise<string>): Prepare =>
  async () => {
    const send = makeSend();
    const address = await serverUrl();
    return () => {
      let left = REQUESTS;
      const sendInTurn = async () => {
        while (left-- > 0) await send(address);
      };
      return Promise.all(Array.from({ length: IN_FLIGHT }, sendInTurn));
    };
  };

interface Answer {
  readonly status: number;
  text(): Promise<string>;
}

/** The whole body of a good answer. */
export async function read(answer: Answer): Promise<string> {
  if (answer.status !== 200) throw new Error(`the server answered ${answer.status}`);
  return answer.text();
}
