import { createSocket, type RemoteInfo } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** A record that the server answers with. */
export type ServedRecord = { readonly ttl: number } & (
  | { readonly type: 'A'; readonly address: string }
  | { readonly type: 'AAAA'; readonly address: string }
  | {
      readonly type: 'SRV';
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    }
);

/** The answer of the server to one query. */
export type ServedAnswer =
  | readonly ServedRecord[]
  /** An answer without records: the name does not exist, or the server has failed. */
  | 'NXDOMAIN'
  | 'SERVFAIL'
  /** No answer at all. */
  | 'drop';

/** A DNS server on the loopback, over UDP, and over TCP for answers that are too long for UDP. */
export interface DnsServer extends AsyncDisposable {
  readonly port: number;
  /** Each query so far: the type of the records and the name. */
  readonly queries: string[];
  /** Returns the answer to a query. */
  answer: (type: string, name: string) => ServedAnswer | Promise<ServedAnswer>;
  /** Creates a resolver that asks only this server. */
  resolver(options?: { readonly timeout?: number; readonly tries?: number }): Resolver;
}

const TYPES: Readonly<Record<number, string>> = { 1: 'A', 28: 'AAAA', 33: 'SRV' };
const RCODES = { SERVFAIL: 2, NXDOMAIN: 3 } as const;
/** The size of an answer that every client accepts over UDP (RFC 1035). */
const MAX_UDP_BYTES = 512;

export async function dnsServer(answer: DnsServer['answer']): Promise<DnsServer> {
  const queries: string[] = [];
  const respond = async (query: Buffer, maxBytes: number): Promise<Buffer | undefined> => {
    const { name, end } = readName(query, 12);
    const type = TYPES[query.readUInt16BE(end)] ?? 'other';
    queries.push(`${type} ${name}`);
    const served = await server.answer(type, name);
    return served === 'drop' ? undefined : encode(query, end + 4, served, maxBytes);
  };

  const sockets = new Set<Socket>();
  const tcp = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    let received = Buffer.alloc(0);
    socket.on('data', async (data) => {
      received = Buffer.concat([received, data]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const response = await respond(received.subarray(2), 0xffff);
      if (response === undefined) return;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(response.length);
      socket.write(Buffer.concat([length, response]));
    });
  });
  await once(tcp.listen(0, '127.0.0.1'), 'listening');
  const { port } = tcp.address() as AddressInfo;

  const udp = createSocket('udp4');
  let isClosed = false;
  udp.on('message', async (query: Buffer, from: RemoteInfo) => {
    const response = await respond(query, MAX_UDP_BYTES);
    if (response !== undefined && !isClosed) udp.send(response, from.port, from.address);
  });
  udp.bind(port, '127.0.0.1');
  await once(udp, 'listening');

  const server: DnsServer = {
    port,
    queries,
    answer,
    resolver(options = {}) {
      const resolver = new Resolver({ timeout: 10_000, tries: 1, ...options });
      resolver.setServers([`127.0.0.1:${port}`]);
      return resolver;
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      for (const socket of sockets) socket.destroy();
      await Promise.all([
        new Promise((resolve) => tcp.close(resolve)),
        new Promise<void>((resolve) => udp.close(() => resolve())),
      ]);
    },
  };
  return server;
}

function readName(message: Buffer, start: number): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = start;
  for (let length = message[at]!; length > 0; length = message[at]!) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.'), end: at + 1 };
}

function encode(query: Buffer, questionEnd: number, served: Exclude<ServedAnswer, 'drop'>, maxBytes: number): Buffer {
  const records = typeof served === 'string' ? [] : served;
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2); // the id
  const answers = Buffer.concat(records.map(encodeRecord));
  const isTooLong = questionEnd + answers.length > maxBytes;
  // A response, recursion desired and available; truncated if it is too long.
  header.writeUInt16BE(0x8180 | (isTooLong ? 0x0200 : 0) | (typeof served === 'string' ? RCODES[served] : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(isTooLong ? 0 : records.length, 6);
  return Buffer.concat([header, query.subarray(12, questionEnd), ...(isTooLong ? [] : [answers])]);
}

function encodeRecord(record: ServedRecord): Buffer {
  const data = encodeData(record);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0); // the name of the question
  head.writeUInt16BE(Number(Object.keys(TYPES).find((code) => TYPES[Number(code)] === record.type)), 2);
  head.writeUInt16BE(1, 4); // class IN
  head.writeUInt32BE(record.ttl, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function encodeData(record: ServedRecord): Buffer {
  if (record.type === 'A') return Buffer.from(record.address.split('.').map(Number));
  if (record.type === 'AAAA') {
    const groups = record.address.split(':').map((group) => Number.parseInt(group, 16)); // without `::`
    return Buffer.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
  }
  const head = Buffer.alloc(6);
  head.writeUInt16BE(record.priority, 0);
  head.writeUInt16BE(record.weight, 2);
  head.writeUInt16BE(record.port, 4);
  const labels = record.target.split('.').filter((label) => label !== '');
  const name = labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')]));
  return Buffer.concat([head, ...name, Buffer.from([0])]);
}
