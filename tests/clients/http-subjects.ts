/** The programs of HTTP clients with their server in one situation, for the table of outcomes. */
import { gql } from 'graphql-request';
import { testServer } from '../support/http-server.js';
import * as anthropicProgram from './programs/anthropic.js';
import * as awsProgram from './programs/aws-sdk.js';
import * as axiosProgram from './programs/axios.js';
import * as fetchProgram from './programs/fetch.js';
import * as gotProgram from './programs/got.js';
import * as graphqlProgram from './programs/graphql-request.js';
import * as kyProgram from './programs/ky.js';
import * as openaiProgram from './programs/openai.js';
import * as openapiProgram from './programs/openapi-fetch.js';
import * as undiciProgram from './programs/undici.js';
import type { Run, Subject } from './subjects.js';
import { closedPort } from './support.js';

interface Reader {
  readonly read: (options?: { signal?: AbortSignal }) => PromiseLike<unknown>;
  readonly health: Run['health'];
}

/** Each HTTP client reads one resource. */
export const httpPrograms: Record<string, (origin: string, attemptTimeout?: '500ms') => Reader> = {
  fetch(...args) {
    const { get, health } = fetchProgram.createClient(...args);
    return { read: (options) => get('/models', options), health };
  },
  'undici.request'(...args) {
    const { get, health } = undiciProgram.createClient(...args);
    return { read: (options) => get('/models', options), health };
  },
  axios(...args) {
    const { client, health } = axiosProgram.createClient(...args);
    return { read: (options) => client.get('/models', options as object), health };
  },
  got(...args) {
    const { getJson, health } = gotProgram.createClient(...args);
    return { read: (options) => getJson('models', options), health };
  },
  ky(...args) {
    const { client, health } = kyProgram.createClient(...args);
    return { read: (options) => client.get('models', options).json(), health };
  },
  'openapi-fetch'(...args) {
    const { client, health } = openapiProgram.createClient(...args);
    return { read: (options) => client.GET('/models', options), health };
  },
  'graphql-request'(...args) {
    const { client, health } = graphqlProgram.createClient(...args);
    return { read: (options) => client.request({ document: gql`{ models }`, ...options }), health };
  },
  OpenAI(...args) {
    const { client, health } = openaiProgram.createClient(...args);
    return { read: (options) => client.models.list(options), health };
  },
  Anthropic(...args) {
    const { client, health } = anthropicProgram.createClient(...args);
    return { read: (options) => client.models.list(undefined, options), health };
  },
  'AWS SDK'(endpoint, attemptTimeout) {
    const credentials = { accessKeyId: 'a', secretAccessKey: 's' };
    const { getItem, health } = awsProgram.createClient({ endpoint, region: 'eu-west-1', credentials }, attemptTimeout);
    return { read: (options) => getItem({ TableName: 't', Key: { id: { S: '1' } } }, options), health };
  },
};

export const httpSubject =
  (create: (typeof httpPrograms)[string]): Subject =>
  async (situation, signal) => {
    const headers = { 'content-type': 'application/json', 'retry-after': '0' };
    const type = situation === 'ill' ? 'InternalServerError' : 'ResourceNotFoundException';
    const body = `{"error":{"message":"m","type":"t"},"__type":"${type}"}`;
    let arrive = () => {};
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const server = await testServer(() => {
      arrive();
      if (situation === 'hang' || situation === 'abort') return undefined;
      return { status: situation === 'ill' ? 503 : 404, headers, body };
    });
    const origin = situation === 'refused' ? `http://127.0.0.1:${await closedPort()}` : server.origin;
    const { read, health } = create(origin, situation === 'hang' ? '500ms' : undefined);
    return {
      result: read(signal && { signal }),
      health,
      arrived: () => arrived,
      attempts: () => server.requests.length,
      async remains() {
        await Promise.all(server.requests.map(({ ended }) => ended));
        return 'nothing: the connection is closed';
      },
      [Symbol.asyncDispose]: () => server.close(),
    };
  };
