import { now } from './system-clock.js';

/**
 * Whether timers belong to the request that has set them, as in Cloudflare Workers. A timer there never fires once its
 * request has ended. A request there is cancelled as hung if it waits only for a promise that another request settles.
 */
export const timersBelongToRequests: boolean = /* @__PURE__ */ isCloudflareWorkers();

function isCloudflareWorkers(): boolean {
  const { navigator } = globalThis as { readonly navigator?: { readonly userAgent?: unknown } };
  return navigator?.userAgent === 'Cloudflare-Workers';
}

/** How often the life of a request is confirmed, in milliseconds, and after how long without it the request is over. */
const BEAT_MS = 1000;
const OVER_MS = 5000;

/**
 * Knows whether the current request still exists, where timers belong to requests: a timer of the request confirms it
 * again and again. The timer is also the reason why the runtime does not take a waiting request for a hung one.
 */
export class RequestLife {
  #confirmedAt = now();
  readonly #timer: unknown;

  /** @param onBeat - called in the request at every confirmation. */
  constructor(onBeat: () => void = () => {}, beatMs = BEAT_MS) {
    const { setInterval } = globalThis as unknown as { setInterval(callback: () => void, ms: number): unknown };
    this.#timer = setInterval(() => {
      this.#confirmedAt = now();
      onBeat();
    }, beatMs);
  }

  get isOver(): boolean {
    return now() - this.#confirmedAt > OVER_MS;
  }

  /** Ends the confirmations. */
  end(): void {
    const { clearInterval } = globalThis as unknown as { clearInterval(timer: unknown): void };
    clearInterval(this.#timer);
  }
}

/** Lets the current request wait for a promise that another request may settle. Calls `onBeat` regularly meanwhile. */
export function beatWhilePending<T>(promise: Promise<T>, onBeat: () => void, beatMs: number): Promise<T> {
  if (!timersBelongToRequests) return promise;
  const life = new RequestLife(onBeat, beatMs);
  return promise.finally(() => life.end());
}
