/** The SDKs of two LLM providers, and the responses of their APIs. */
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import type { Reply } from './http-server.js';

export const JSON_TYPE = { 'content-type': 'application/json' };
export const SSE_TYPE = { 'content-type': 'text/event-stream' };

/** What the tests need of an SDK and of the API that it calls. */
export interface Provider {
  /** The response to a completion without streaming. */
  readonly answer: Reply;
  /** The events of a stream, one for each of the texts 'Hello' and ' world', and the end. */
  readonly events: readonly string[];
  /** An event that reports an error in a stream. */
  readonly errorEvent: string;
  /** The fields with the limits: no request and no token is left, and the bucket is full again in six minutes. */
  readonly noneLeft: Readonly<Record<string, string>>;
  client(origin: string, fetch: typeof globalThis.fetch, options?: ClientOptions): Client;
}

interface ClientOptions {
  readonly apiKey?: string;
  readonly maxRetries?: number;
}

interface Client {
  ask(signal?: AbortSignal): Promise<string>;
  /** The texts of a stream. */
  stream(signal?: AbortSignal): AsyncGenerator<string, void>;
}

export const openai: Provider = {
  answer: {
    headers: JSON_TYPE,
    body: JSON.stringify({ choices: [{ message: { content: 'Hello world' } }], usage: { total_tokens: 12 } }),
  },
  events: [
    ...['Hello', ' world'].map((content) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`),
    'data: [DONE]\n\n',
  ],
  errorEvent: `data: ${JSON.stringify({ error: { message: 'overloaded' } })}\n\n`,
  noneLeft: {
    'x-ratelimit-limit-requests': '60',
    'x-ratelimit-remaining-requests': '0',
    'x-ratelimit-reset-requests': '1m0s',
    'x-ratelimit-limit-tokens': '150000',
    'x-ratelimit-remaining-tokens': '0',
    'x-ratelimit-reset-tokens': '6m0s',
  },
  client: (origin, fetch, options) => {
    const sdk = new OpenAI({ apiKey: 'key', baseURL: `${origin}/v1`, fetch, maxRetries: 0, ...options });
    const params = { model: 'model', messages: [{ role: 'user' as const, content: 'Hi' }] };
    return {
      async ask(signal) {
        const completion = await sdk.chat.completions.create(params, { signal });
        return completion.choices[0]?.message.content ?? '';
      },
      async *stream(signal) {
        const chunks = await sdk.chat.completions.create({ ...params, stream: true }, { signal });
        for await (const chunk of chunks) yield chunk.choices[0]?.delta.content ?? '';
      },
    };
  },
};

const sseEvent = (data: { readonly type: string }): string => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
const textDelta = (text: string) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } });

export const anthropic: Provider = {
  answer: {
    headers: JSON_TYPE,
    body: JSON.stringify({ type: 'message', content: [{ type: 'text', text: 'Hello world' }] }),
  },
  events: [textDelta('Hello'), textDelta(' world'), { type: 'message_stop' }].map(sseEvent),
  errorEvent: `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type: 'overloaded_error' } })}\n\n`,
  noneLeft: {
    'anthropic-ratelimit-requests-limit': '60',
    'anthropic-ratelimit-requests-remaining': '0',
    'anthropic-ratelimit-requests-reset': new Date(Date.now() + 60_000).toISOString(),
    'anthropic-ratelimit-tokens-limit': '150000',
    'anthropic-ratelimit-tokens-remaining': '0',
    'anthropic-ratelimit-tokens-reset': new Date(Date.now() + 360_000).toISOString(),
  },
  client: (origin, fetch, options) => {
    const sdk = new Anthropic({ apiKey: 'key', baseURL: origin, fetch, maxRetries: 0, ...options });
    const params = { model: 'model', max_tokens: 10, messages: [{ role: 'user' as const, content: 'Hi' }] };
    return {
      async ask(signal) {
        const { content } = await sdk.messages.create(params, { signal });
        return content.map((block) => (block.type === 'text' ? block.text : '')).join('');
      },
      async *stream(signal) {
        for await (const event of await sdk.messages.create({ ...params, stream: true }, { signal })) {
          if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') yield event.delta.text;
        }
      },
    };
  },
};

/** An error response. */
export const failed = (status: number, headers: Readonly<Record<string, string>> = {}): Reply => ({
  status,
  headers: { ...JSON_TYPE, ...headers },
  body: JSON.stringify({ error: { type: 'some_error', message: 'failed' } }),
});
