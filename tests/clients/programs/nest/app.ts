/** A NestJS application whose service calls an origin under a policy. */
import { Controller, Get, Inject, Injectable, Module, Param, UseInterceptors } from '@nestjs/common';
import { bulkhead, circuitBreaker, pipeline, retry, timeout } from 'breakwater';
import { Guarded, GuardInterceptor } from './guarded.js';

/** One policy for the origin, and one for the handlers. */
export const origin = circuitBreaker({ name: 'origin', consecutiveFailures: 5 });
const calls = pipeline(retry({ maxAttempts: 3 }), origin, timeout('1s'));
const handlers = pipeline(bulkhead({ maxConcurrent: 50 }), timeout('2s'));

@Injectable()
export class Prices {
  constructor(@Inject('ORIGIN') private readonly url: string) {}

  @Guarded(calls)
  async priceOf(id: string): Promise<string> {
    const response = await fetch(`${this.url}/prices/${id}`, { signal: AbortSignal.timeout(1000) });
    if (!response.ok) throw Object.assign(new Error(`status ${response.status}`), { status: response.status });
    return response.text();
  }
}

@Controller('prices')
@UseInterceptors(new GuardInterceptor(handlers))
export class PricesController {
  constructor(@Inject(Prices) private readonly prices: Prices) {}

  @Get(':id')
  priceOf(@Param('id') id: string): Promise<string> {
    return this.prices.priceOf(id);
  }
}

@Module({ controllers: [PricesController], providers: [Prices] })
export class AppModule {
  static of(url: string) {
    return { module: AppModule, providers: [{ provide: 'ORIGIN', useValue: url }] };
  }
}
