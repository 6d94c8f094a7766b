import assert from 'node:assert/strict';
import { resilient } from 'breakwater/undici';
import type { Dispatcher } from 'undici';
import { inOrder } from '../../support/http-server.js';
import { type Scenarios, SOON } from './scenario.js';

const BAD = { status: 503, body: 'bad' };

/** The interceptor together with others. */
export const chains: Scenarios = {
  'works outside and inside the redirect interceptor': async ({ undici, server, onEnd }) => {
    const { redirect } = undici.interceptors;
    const guard = resilient({ retry: SOON });
    for (const chain of [
      [guard, redirect({ maxRedirections: 3 })],
      [redirect({ maxRedirections: 3 }), guard],
    ]) {
      let visits = 0;
      const { origin } = await server(({ path }) => {
        if (path === '/') return { status: 302, headers: { location: '/target' } };
        return ++visits === 1 ? BAD : { body: 'good' };
      });
      const agent = new undici.Agent();
      onEnd(() => agent.destroy());
      const { body } = await undici.request(origin, { dispatcher: agent.compose(chain) });
      assert.equal(await body.text(), 'good');
    }
  },

  'works outside and inside the cache and the DNS interceptor, where they exist': async ({ undici, server, onEnd }) => {
    const { cache, dns } = undici.interceptors as Partial<typeof undici.interceptors>;
    if (cache === undefined || dns === undefined) return;
    for (const isOutside of [true, false]) {
      const { origin, requests } = await server(
        inOrder(BAD, { headers: { 'cache-control': 'max-age=60' }, body: 'good' }),
      );
      const guard = resilient({ retry: SOON });
      const agent = new undici.Agent();
      onEnd(() => agent.destroy());
      const others: Dispatcher.DispatcherComposeInterceptor[] = [dns(), cache()];
      const dispatcher: Dispatcher = agent.compose(isOutside ? [...others, guard] : [guard, ...others]);
      for (let call = 0; call < 3; call++) {
        const { body } = await undici.request(origin, { dispatcher });
        assert.equal(await body.text(), 'good');
      }
      assert.equal(requests.length, 2);
    }
  },

  'multiplies its attempts with those of a RetryAgent inside it': async ({ undici, server, onEnd }) => {
    const { origin, requests } = await server(inOrder(BAD));
    const agent = new undici.Agent();
    onEnd(() => agent.destroy());
    const inner = new undici.RetryAgent(agent, { maxRetries: 1, minTimeout: 1 });
    const dispatcher = inner.compose(resilient({ retry: SOON }));
    await undici.request(origin, { dispatcher }).catch(() => {});
    assert.equal(requests.length, 6);
  },

  'works with a MockAgent': async ({ undici }) => {
    const agent = new undici.MockAgent();
    agent.disableNetConnect();
    const pool = agent.get('http://a.test');
    pool.intercept({ path: '/' }).reply(503, 'bad');
    pool.intercept({ path: '/' }).reply(200, 'good');
    const dispatcher = agent.compose(resilient({ retry: SOON }));
    const { body } = await undici.request('http://a.test/', { dispatcher });
    assert.equal(await body.text(), 'good');
  },
};
