/** The script of the report: reads the data in the page and draws the charts. ../report.ts bundles it into the page. */
import 'uplot/dist/uPlot.min.css';
import './page.css';
import type { ReportData } from '../report.js';
import { type Charts, charts } from './charts.js';
import { head, tail } from './words.js';

const data = JSON.parse(document.getElementById('data')!.textContent!) as ReportData;
const main = document.getElementById('report')!;
const width = (): number => main.clientWidth - 40;
let shown: Charts | undefined;

function draw(): void {
  shown?.destroy();
  shown = charts(data, width());
  main.replaceChildren(...head(data), ...shown.nodes, ...tail(data));
}

draw();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
addEventListener('resize', () => shown?.resize(width()));
