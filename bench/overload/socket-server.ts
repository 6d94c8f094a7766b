/**
 * A server with a known capacity, in a process of its own: 4 workers and an exponential service time, which its parent
 * can change. Waiting is timed and costs no CPU, so that the capacity does not depend on the machine. It works on for
 * callers that have left, as most servers do.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { seededRandom } from 'breakwater/testing';
import type { Capacity } from './sockets.js';

const random = seededRandom(1);
const queue: ServerResponse[] = [];
let capacity: Capacity = { workers: 4, serviceMs: 25 };
let busy = 0;

/**
 * Starts requests on idle workers. A worker that was busy until `from` begins at that time, even if its timer was late:
 * otherwise a busy machine would have less capacity than the scenario says.
 */
function startNext(from: number): void {
  while (busy < capacity.workers) {
    const response = queue.shift();
    if (response === undefined) return;
    busy++;
    const end = from - capacity.serviceMs * Math.log(1 - random());
    setTimeout(
      () => {
        busy--;
        response.end('done');
        startNext(end);
      },
      Math.max(0, end - performance.now()),
    );
  }
}

const server = createServer((_request, response) => {
  queue.push(response);
  startNext(performance.now());
});
process.on('message', (changed: Capacity) => {
  capacity = changed;
  startNext(performance.now());
});
process.on('disconnect', () => process.exit());
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
