import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Emitter } from '../../src/core/events.js';

interface Events {
  moved: { readonly by: number };
  stopped: Record<never, never>;
}

describe('Emitter', () => {
  it('the emitter calls the listeners of a type in the order of registration until they are removed', () => {
    const emitter = new Emitter<Events>();
    const log: string[] = [];
    const off = emitter.on('moved', ({ by }) => log.push(`first ${by}`));
    emitter.on('moved', ({ by }) => log.push(`second ${by}`));
    emitter.on('stopped', () => log.push('stopped'));
    emitter.emit('moved', { by: 1 });
    off();
    off();
    emitter.emit('moved', { by: 2 });
    expect(log).toEqual(['first 1', 'second 1', 'second 2']);
  });

  it('has() returns whether a type has listeners', () => {
    const emitter = new Emitter<Events>();
    expect(emitter.has('moved')).toBe(false);
    const off = emitter.on('moved', () => {});
    expect([emitter.has('moved'), emitter.has('stopped')]).toEqual([true, false]);
    off();
    expect(emitter.has('moved')).toBe(false);
    emitter.emit('moved', { by: 1 });
  });

  it('the emitter counts each registration of the same function', () => {
    const emitter = new Emitter<Events>();
    let calls = 0;
    const listener = () => calls++;
    const off = emitter.on('moved', listener);
    emitter.on('moved', listener);
    off();
    emitter.emit('moved', { by: 1 });
    expect(calls).toBe(1);
  });

  it('a listener can add and remove others, which takes effect with the next event', () => {
    const emitter = new Emitter<Events>();
    const log: string[] = [];
    let offSecond = () => {};
    emitter.on('moved', () => {
      log.push('first');
      offSecond();
      emitter.on('moved', () => log.push('third'));
    });
    offSecond = emitter.on('moved', () => log.push('second'));
    emitter.emit('moved', { by: 1 });
    expect(log).toEqual(['first', 'second']);
    emitter.emit('moved', { by: 1 });
    expect(log).toEqual(['first', 'second', 'first', 'third']);
  });

  it('an error of a listener reaches neither the other listeners nor the emitting code and surfaces as an uncaught exception', async () => {
    const emitter = new Emitter<Events>();
    const log: string[] = [];
    const error = new Error('the listener failed');
    emitter.on('moved', () => {
      throw error;
    });
    emitter.on('moved', () => log.push('second'));
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    try {
      const uncaught = once(process, 'uncaughtException');
      emitter.emit('moved', { by: 1 });
      expect(log).toEqual(['second']);
      expect((await uncaught)[0]).toBe(error);
    } finally {
      for (const other of others) process.on('uncaughtException', other);
    }
  });

  it('the emitter adds and removes each of 100,000 listeners without copying the others', () => {
    const emitter = new Emitter<Events>();
    let calls = 0;
    const offs = Array.from({ length: 100_000 }, () => emitter.on('moved', () => calls++));
    emitter.emit('moved', { by: 1 });
    for (const off of offs.slice(1)) off();
    emitter.emit('moved', { by: 1 });
    expect(calls).toBe(100_001);
  });

  it('on() accepts only functions as listeners', () => {
    expect(() => new Emitter<Events>().on('moved', undefined as never)).toThrow('"listener" must be a function');
  });
});
