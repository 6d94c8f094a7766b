/** Limits as the APIs of language models announce them: buckets, and limits of requests beside limits of tokens. */
import { type ResilientFetchOptions, resilientFetch, TokenBucket } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { watch } from '../support/promises.js';

const url = 'https://llm.test/v1/messages';

type Fields = (state: { limit: number; remaining: number; fullInSeconds: number }) => Record<string, string>;

const openai: Fields = ({ limit, remaining, fullInSeconds }) => ({
  'x-ratelimit-limit-requests': String(limit),
  'x-ratelimit-remaining-requests': String(remaining),
  'x-ratelimit-reset-requests': `${Math.floor(fullInSeconds / 60)}m${(fullInSeconds % 60).toFixed(3)}s`,
  'x-ratelimit-limit-tokens': '150000',
  'x-ratelimit-remaining-tokens': '149984',
  'x-ratelimit-reset-tokens': '6ms',
});

const anthropic: Fields = ({ limit, remaining, fullInSeconds }) => ({
  'anthropic-ratelimit-requests-limit': String(limit),
  'anthropic-ratelimit-requests-remaining': String(remaining),
  'anthropic-ratelimit-requests-reset': new Date(
    Math.ceil((Date.now() + fullInSeconds * 1000) / 1000) * 1000,
  ).toISOString(),
  'anthropic-ratelimit-input-tokens-limit': '40000',
  'anthropic-ratelimit-input-tokens-remaining': '0',
  'anthropic-ratelimit-input-tokens-reset': new Date(Date.now() + 60_000).toISOString(),
});

/** A server with a bucket of 60 requests that is refilled with one each second. */
function bucketServer(fieldsOf: Fields, rateLimit: ResilientFetchOptions['rateLimit']) {
  const clock = new TestClock();
  const bucket = new TokenBucket({ capacity: 60, refill: 60, per: '1m', clock });
  const statuses: number[] = [];
  const fetch = resilientFetch({
    clock,
    random: () => 0,
    ...(rateLimit !== undefined && { rateLimit }),
    fetch: async (_url: string, _init?: RequestInit) => {
      const { allowed, remaining, resetAfterMs, retryAfterMs } = bucket.tryAcquire();
      const status = allowed ? 200 : 429;
      statuses.push(status);
      const headers = fieldsOf({ limit: 60, remaining, fullInSeconds: resetAfterMs / 1000 });
      return new Response(null, {
        status,
        headers: allowed ? headers : { ...headers, 'retry-after': String(Math.ceil(retryAfterMs / 1000)) },
      });
    },
  });
  return { clock, fetch, statuses };
}

describe('followServerLimits with a bucket of requests', () => {
  it.each([
    ['OpenAI', openai],
    ['Anthropic', anthropic],
  ])('a burst and then one call for each refill are all served, with the fields of %s', async (_name, fields) => {
    const { clock, fetch, statuses } = bucketServer(fields, {});
    const calls = Array.from({ length: 60 }, () => watch(fetch(url)));
    for (let call = 0; call < 60; call++) {
      await clock.advance(1_100);
      calls.push(watch(fetch(url)));
    }
    await clock.advance(5_000);
    expect(calls.filter(({ value }) => value?.status === 200)).toHaveLength(120);
    expect(statuses.filter((status) => status === 429)).toEqual([]);
  });
});

describe('followServerLimits with limits in other units', () => {
  const answering = (headers: Record<string, string>) => {
    const clock = new TestClock();
    let requests = 0;
    const fetch = resilientFetch({
      clock,
      rateLimit: { maxWait: 0 },
      fetch: async (_url: string, _init?: RequestInit) => {
        requests++;
        return new Response(null, { headers });
      },
    });
    return { fetch, count: () => requests };
  };

  it.each<[string, Record<string, string>]>([
    ['tokens', { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '60s' }],
    [
      'input tokens',
      { 'anthropic-ratelimit-input-tokens-remaining': '0', 'anthropic-ratelimit-input-tokens-reset': '60' },
    ],
    [
      'output tokens',
      { 'anthropic-ratelimit-output-tokens-remaining': '0', 'anthropic-ratelimit-output-tokens-reset': '60' },
    ],
    ['project tokens', { 'x-ratelimit-remaining-project-tokens': '0', 'x-ratelimit-reset-project-tokens': '60s' }],
    ['bytes by the name', { ratelimit: '"bytes";r=0;t=60' }],
    [
      'bytes by the unit',
      { ratelimit: '"large";r=0;t=60', 'ratelimit-policy': '"large";q=1000;w=60;qu="content-bytes"' },
    ],
    ['concurrent requests', { ratelimit: '"now";r=0;t=60', 'ratelimit-policy': '"now";q=5;qu="concurrent-requests"' }],
  ])('a used up limit of %s does not block requests', async (_name, headers) => {
    const { fetch, count } = answering(headers);
    await fetch(url);
    await fetch(url);
    expect(count()).toBe(2);
  });

  it.each<[string, Record<string, string>]>([
    ['without a name', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '60' }],
    ['of requests by the unit', { ratelimit: '"a";r=0;t=60', 'ratelimit-policy': '"a";q=5;w=60;qu="requests"' }],
    ['with another name', { ratelimit: '"burst";r=0;t=60' }],
  ])('a used up limit %s blocks requests', async (_name, headers) => {
    const { fetch, count } = answering(headers);
    await fetch(url);
    await expect(fetch(url)).rejects.toMatchObject({ code: 'ERR_RATE_LIMITED' });
    expect(count()).toBe(1);
  });
});
