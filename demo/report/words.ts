/** The texts and figures of the page, above and below the charts. */
import type { ReportData } from '../report.js';
import type { Figures } from '../stats.js';
import type { Row } from '../table.js';
import { element, millis, percent } from './element.js';

export function head(data: ReportData): Node[] {
  const { plain, resilient } = data.rows.at(-1)!;
  const stopped = data.elapsed < data.seconds ? `, stopped after ${data.elapsed.toFixed(1)} s` : '';
  const card = (figure: string, side: string, label: string): HTMLElement =>
    element('div', 'card', element('b', side, figure), label);
  return [
    element('h1', '', `${data.scenario}: ${data.story}`),
    element(
      'p',
      '',
      `${data.rps} requests per second to each side for ${data.seconds} s${stopped}, seed ${data.seed}. `,
      'A success is a 2xx with its whole body within 2 s.',
    ),
    element(
      'div',
      'cards',
      card(percent(plain.successRate), 'plain', 'of calls succeeded with plain fetch'),
      card(percent(resilient.successRate), 'resilient', 'of calls succeeded with resilientFetch'),
      card(String(plain.upstreamRequests), 'plain', 'requests of plain fetch reached the server'),
      card(String(resilient.upstreamRequests), 'resilient', 'requests of resilientFetch reached the server'),
    ),
  ];
}

export function tail(data: ReportData): Node[] {
  return [
    element('h2', '', 'Figures'),
    element('div', 'scroll', figures(data.rows)),
    ...data.failures.map((line) => element('p', '', line)),
    element('h2', '', 'What happened to the server'),
    element(
      'ul',
      '',
      ...data.phases.map(({ name, story, start, end }) =>
        element('li', '', element('b', '', name), ` ${start.toFixed(1)} to ${end.toFixed(1)} s: ${story}`),
      ),
    ),
    element('h2', '', 'Options'),
    element('p', '', data.sources.note),
    element('pre', '', data.sources.plain),
    element('pre', '', data.sources.resilient),
    element('p', '', data.environment),
  ];
}

function figures(rows: readonly Row[]): HTMLElement {
  const latency = ({ p50Ms, p99Ms }: Figures): string => `${millis(p50Ms)} / ${millis(p99Ms)}`;
  const line = (tag: string, className: string, texts: string[]): HTMLElement =>
    element('tr', className, ...texts.map((text, index) => element(tag, index === 0 ? 'first' : '', text)));
  const groups = line('th', 'groups', ['', 'success', 'p50 / p99', 'reached server']);
  for (const group of [...groups.children].slice(1)) group.setAttribute('colspan', '2');
  return element(
    'table',
    'figures',
    groups,
    line('th', '', ['phase', 'plain', 'resilient', 'plain', 'resilient', 'plain', 'resilient']),
    ...rows.map(({ phase, plain, resilient }, index) =>
      line('td', index === rows.length - 1 ? 'whole' : '', [
        phase,
        percent(plain.successRate),
        percent(resilient.successRate),
        latency(plain),
        latency(resilient),
        String(plain.upstreamRequests),
        String(resilient.upstreamRequests),
      ]),
    ),
  );
}
