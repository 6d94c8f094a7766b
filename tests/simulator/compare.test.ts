/** Comparisons: the same arrivals for all candidates, figures over seeds, and reports. */
import { pipeline, retry, timeout } from 'breakwater';
import {
  type CompareOptions,
  compare,
  constantRate,
  exponential,
  poisson,
  replay,
  server,
  simulate,
  slow,
  sweep,
} from 'breakwater/simulator';
import { describe, expect, it } from 'vitest';
import { attempt, guarded, limited, outage, retries } from './setup.js';

describe('A metastable failure', () => {
  it('three attempts without a budget never recover from three slow seconds, and a guarded candidate does', async () => {
    const result = await compare({ ...outage, candidates: { attempt, retries, guarded, limited }, seeds: 3 });
    expect(result.retries.timeToRecoverMs.min).toBe(Infinity);
    expect(result.retries.wastedShare.median).toBeGreaterThan(0.7);
    expect(result.attempt.timeToRecoverMs.p95).toBeLessThan(20_000);
    expect(result.guarded.timeToRecoverMs.p95).toBeLessThan(20_000);
    expect(result.limited.timeToRecoverMs.p95).toBeLessThanOrEqual(1000);
    expect(result.retries.amplification.median).toBeGreaterThan(2);
  });
});

describe('Paired seeds', () => {
  const small = { ...outage, duration: '12s' } as const;

  it('for one seed, all candidates meet the same arrivals and the same service times', async () => {
    const faulty = await compare({ ...small, candidates: { attempt, retries }, seeds: 2 });
    const offered = (runs: typeof faulty.attempt.runs) => runs.map(({ series }) => series.map((row) => row.offered));
    expect(faulty.retries.amplification.min).toBeGreaterThan(1);
    expect(offered(faulty.attempt.runs)).toEqual(offered(faulty.retries.runs));
    const result = await compare({ ...small, faults: [], candidates: { attempt, retries }, seeds: 3 });
    // Without failures there are no retries, so that the runs are the same.
    expect(result.attempt.p99Ms.values).toEqual(result.retries.p99Ms.values);
    expect(new Set(result.attempt.p99Ms.values).size).toBe(3);
  });

  it('the result of a candidate depends neither on the order of the candidates nor on the other ones', async () => {
    const [one, other, alone] = await Promise.all([
      compare({ ...small, candidates: { retries, guarded }, seeds: 2 }),
      compare({ ...small, candidates: { guarded, attempt, retries }, seeds: 2 }),
      simulate({ ...small, candidate: retries, seed: 2 }),
    ]);
    expect(one.retries).toEqual(other.retries);
    expect(one.guarded).toEqual(other.guarded);
    expect(one.retries.runs[1]).toEqual(alone);
  });

  it('differences to the first candidate have an interval, except where a value is infinite', async () => {
    const { differences } = await compare({ ...outage, candidates: { retries, limited }, seeds: 3 });
    const goodput = differences.find(({ metric }) => metric === 'goodput')!;
    expect(goodput).toMatchObject({ candidate: 'limited', baseline: 'retries' });
    expect(goodput.interval.low).toBeGreaterThan(60);
    expect(goodput.interval.low).toBeLessThanOrEqual(goodput.interval.mean);
    expect(goodput.interval.mean).toBeLessThanOrEqual(goodput.interval.high);
    expect(differences.some(({ metric }) => metric === 'timeToRecoverMs')).toBe(false);
  });

  it('a replay is the same run, with its calls', async () => {
    const result = await compare({ ...small, candidates: { retries, guarded }, seeds: 2 });
    const replayed = await result.replay('guarded', 2);
    expect({ ...replayed, calls: [] }).toEqual(result.guarded.runs[1]);
    expect(replayed.calls).toHaveLength(
      Math.min(
        10_000,
        result.guarded.runs[1]!.series.reduce((sum, { offered }) => sum + offered, 0),
      ),
    );
    const retried = replayed.calls.find(({ attempts }) => attempts.length > 1)!;
    expect(retried.attempts[0]!.at).toBeGreaterThanOrEqual(retried.at);
    expect(() => result.replay('nothing', 1)).toThrow('must be one of retries, guarded');
    const direct = await replay({ ...small, candidate: guarded, seed: 2 });
    expect(direct.calls).toEqual(replayed.calls);
  });

  it('seeds are a number or a list, and names of candidates are not those of reports', async () => {
    const tiny = { ...outage, faults: [], duration: '3s' } as const;
    expect((await compare({ ...tiny, candidates: { attempt } })).seeds).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect((await compare({ ...tiny, candidates: { attempt }, seeds: [9, 4] })).seeds).toEqual([9, 4]);
    for (const options of [
      { candidates: {} },
      { candidates: { table: attempt } },
      { candidates: { attempt: 5 } },
      { candidates: { attempt }, seeds: 0 },
      { candidates: { attempt }, seeds: [] },
      { candidates: { attempt }, seeds: [-1] },
    ]) {
      await expect(compare({ ...tiny, ...options } as unknown as CompareOptions)).rejects.toThrow(
        /"(candidates|seeds)/,
      );
    }
  });
});

describe('Reports', () => {
  const hostile = '<img src=x onerror=alert(1)>&"\'';

  it('a table has one line per candidate, with a sparkline of the good calls', async () => {
    const { table } = await compare({ ...outage, candidates: { retries, limited }, seeds: 2 });
    const lines = table().split('\n');
    expect(lines[0]).toBe('outage: 30 s, 2 seeds');
    expect(lines[2]).toBe(`${' '.repeat(9)}${'·'.repeat(5)}${'×'.repeat(3)}${'·'.repeat(22)}`);
    expect(lines[3]).toMatch(/^retries +[▇█]{4,6}[▁▂▃]{18,} +\d+ % +never, never +× \d\.\d+ +\d+ % +\d+ ms$/u);
    expect(lines[4]).toMatch(/^limited/);
    expect(lines).toHaveLength(5);
  });

  it('a report of a scenario without faults says nothing about a recovery', async () => {
    const { table, html } = await compare({ ...outage, faults: [], candidates: { retries, limited }, seeds: 2 });
    expect(table().split('\n')[2]).toMatch(/^retries +[▆▇█]+ +\d+ % +– +× /u);
    expect(html()).not.toContain('recovers after');
    const withFaults = await compare({ ...outage, candidates: { retries, limited }, seeds: 2 });
    expect(withFaults.html()).toContain('recovers after');
  });

  it('the HTML report loads nothing, has no script, escapes all names, and is small', async () => {
    const names = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`${hostile}${index}`, attempt]));
    const { html } = await compare({
      ...outage,
      name: hostile,
      faults: [],
      duration: '1h',
      load: constantRate({ perSecond: 0.05 }),
      candidates: names,
      seeds: 2,
    });
    const page = html();
    const tags = new Set(page.match(/<[^>]*>/g)!.map((tag) => /^<\/?(\w+)/.exec(tag)?.[1]));
    for (const tag of ['script', 'link', 'img', 'iframe', 'object', 'image', 'use']) expect(tags.has(tag)).toBe(false);
    expect(/<[^>]*\s(?:src|href|on\w+)=|@import|url\(/.test(page)).toBe(false);
    expect(page.includes('&#60;img src=x onerror=alert(1)&#62;')).toBe(true);
    expect(page.match(/<svg/g)).toHaveLength(3);
    expect(page.length).toBeLessThan(5_000_000);
  });

  it('a sweep is a grid of scenarios, with a table and an HTML page', async () => {
    const diagram = await sweep({
      over: { utilisation: [0.3, 0.9], slower: [2, 6] },
      scenario: ({ utilisation, slower }) => ({
        world: { api: server({ workers: 2, service: exponential('10ms') }) },
        load: poisson({ perSecond: 200 * utilisation }),
        faults: [slow('api', slower, { at: '3s', for: '3s' })],
        duration: '25s',
      }),
      candidates: { [hostile]: retries, limited },
      seeds: 1,
    });
    expect(diagram.cells.map(({ point }) => point)).toEqual([
      { utilisation: 0.3, slower: 2 },
      { utilisation: 0.9, slower: 2 },
      { utilisation: 0.3, slower: 6 },
      { utilisation: 0.9, slower: 6 },
    ]);
    const recovery = diagram.cells.map(({ candidates }) => candidates[hostile]!.timeToRecoverMs.median);
    expect(recovery[0]).toBeLessThan(1000);
    expect(recovery[3]).toBe(Infinity);
    expect(diagram.table('timeToRecoverMs')).toMatch(/slower \\ utilisation +0\.3 +0\.9\n2 +0 ms +never/);
    expect(/<img|<script/.test(diagram.html('goodput'))).toBe(false);
    expect(() => diagram.table('goodness' as never)).toThrow('"metric" must be one of');
  });

  it('a sweep has one or two parameters', async () => {
    const scenario = () => ({ ...outage, faults: [], duration: '3s' as const });
    const line = await sweep({ over: { size: [1, 2, 3] }, scenario, candidates: { attempt }, seeds: 1 });
    expect(line.table('success')).toBe('attempt\n          1      2      3\nsize  100 %  100 %  100 %');
    for (const over of [{}, { a: [] }, { a: [1], b: [1], c: [1] }, { a: ['1'] }, undefined]) {
      await expect(sweep({ over: over as never, scenario, candidates: { attempt } })).rejects.toThrow('"over" must be');
    }
  });
});

it('the trace of a call has all its attempts', async () => {
  const candidate = ({ clock, random }: Parameters<typeof attempt>[0]) =>
    pipeline(retry({ clock, random, maxAttempts: 4 }), timeout({ duration: '100ms', clock }));
  const { calls } = await replay({ ...outage, faults: [slow('api', 100, { at: '1s' })], duration: '5s', candidate });
  expect(Math.max(...calls.map(({ attempts }) => attempts.length))).toBe(4);
});
