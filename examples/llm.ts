/**
 * LLM APIs: the SDKs of two providers over one fetch, against servers that imitate both APIs. Run it with `npx tsx
 * examples/llm.ts`.
 */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Anthropic from '@anthropic-ai/sdk';
import {
  defaultClassify,
  exponentialBackoff,
  fallback,
  isResilienceError,
  resilientFetch,
  TokenBucket,
} from 'breakwater';
import OpenAI from 'openai';

/** Starts a server. Returns its origin, the number of its requests, and a function that closes it. */
async function serve(respond: (response: ServerResponse) => void) {
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    request.resume(); // the prompt
    respond(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests: () => requests, close };
}

const json = { 'content-type': 'application/json' };
const completion = JSON.stringify({ choices: [{ message: { role: 'assistant', content: 'Hello!' } }] });
const message = JSON.stringify({ type: 'message', content: [{ type: 'text', text: 'Bonjour!' }] });
const delta = { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Once upon a' } };

const ok = (response: ServerResponse) => response.writeHead(200, json).end(completion);
const fail = (response: ServerResponse, status: number, headers = {}) =>
  response.writeHead(status, { ...json, ...headers }).end(JSON.stringify({ error: { message: 'not now' } }));

let respondAsOpenAI: (response: ServerResponse) => void = ok;
const first = await serve((response) => respondAsOpenAI(response));
let respondAsAnthropic = (response: ServerResponse): void => void response.writeHead(200, json).end(message);
const second = await serve((response) => respondAsAnthropic(response));

const fetch = resilientFetch({
  repeatable: () => true, // completions are POST requests
  timeout: '30s',
  attemptTimeout: '20s',
  bodyIdleTimeout: '200ms', // for this short program; minutes for a real model
  retry: { backoff: exponentialBackoff({ initial: '50ms' }) },
  circuitBreaker: { consecutiveFailures: 3 },
  on: {
    retry: ({ attempt, delayMs }) =>
      console.log(`  attempt ${attempt} failed, the next one in ${Math.round(delayMs)} ms`),
    stateChange: ({ key, to }) => console.log(`  the circuit of ${key === first.origin ? 'OpenAI' : key} is ${to}`),
  },
});
// The fetch retries, so the SDKs must not: attempts would multiply.
const openai = new OpenAI({ apiKey: 'secret', baseURL: `${first.origin}/v1`, fetch, maxRetries: 0 });
const anthropic = new Anthropic({ apiKey: 'secret', baseURL: second.origin, fetch, maxRetries: 0 });
const messages = [{ role: 'user' as const, content: 'Say hello' }];

async function askOpenAI(signal?: AbortSignal): Promise<string> {
  const { choices } = await openai.chat.completions.create({ model: 'a-model', messages }, { signal });
  return choices[0]?.message.content ?? '';
}

console.log('An overload. The completion is repeated:');
respondAsOpenAI = (response) => (first.requests() === 1 ? fail(response, 529) : ok(response));
console.log(`  "${await askOpenAI()}" after ${first.requests()} requests`);

console.log('A stream that stalls. Its text so far is kept:');
respondAsAnthropic = (response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(`event: ${delta.type}\ndata: ${JSON.stringify(delta)}\n\n`);
};
let text = '';
try {
  for await (const event of anthropic.messages.stream({ model: 'a-model', max_tokens: 100, messages })) {
    if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text;
  }
} catch (error) {
  for (let link = error; link instanceof Error; link = link.cause) {
    if (isResilienceError(link, 'ERR_TIMEOUT')) console.log(`  "${text}" and then ${link.code}`);
  }
}

console.log('100 callers at once, and a limit of 25 requests per second:');
const limit = new TokenBucket({ capacity: 25, refill: 25, per: '1s' });
respondAsOpenAI = (response) =>
  limit.tryAcquire().allowed ? ok(response) : fail(response, 429, { 'retry-after': '1' });
const before = first.requests();
const answers = await Promise.allSettled(Array.from({ length: 100 }, () => askOpenAI()));
const isCheap = first.requests() - before < 250;
console.log(`  ${answers.filter(({ status }) => status === 'fulfilled').length} are served`);
console.log(`  with ${isCheap ? 'fewer than' : 'more than'} 250 requests`);

console.log('An outage. The other provider answers, and the first one gets no requests after a while:');
respondAsOpenAI = (response) => fail(response, 503);
respondAsAnthropic = (response) => response.writeHead(200, json).end(message);
const otherProvider = fallback<string>(
  async (_outcome, { signal }) => {
    const { content } = await anthropic.messages.create({ model: 'a-model', max_tokens: 100, messages }, { signal });
    return content.map((block) => (block.type === 'text' ? block.text : '')).join('');
  },
  { classify: defaultClassify },
);
for (let call = 1; call <= 2; call++) {
  const sent = first.requests();
  const answer = await otherProvider.execute(({ signal }) => askOpenAI(signal));
  console.log(`  "${answer}" after ${first.requests() - sent} requests to OpenAI`);
}

first.close();
second.close();

/* Prints, but for the milliseconds:
An overload. The completion is repeated:
  attempt 1 failed, the next one in 29 ms
  "Hello!" after 2 requests
A stream that stalls. Its text so far is kept:
  "Once upon a" and then ERR_TIMEOUT
100 callers at once, and a limit of 25 requests per second:
  100 are served
  with fewer than 250 requests
An outage. The other provider answers, and the first one gets no requests after a while:
  attempt 1 failed, the next one in 43 ms
  attempt 2 failed, the next one in 79 ms
  the circuit of OpenAI is open
  "Bonjour!" after 3 requests to OpenAI
  "Bonjour!" after 0 requests to OpenAI
*/
