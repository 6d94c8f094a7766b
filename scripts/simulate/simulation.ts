/** A scenario of docs/simulations.md. */
export interface Simulation {
  /** The heading, and with it the anchor of the section. */
  readonly title: string;
  /** The anti-pattern. */
  readonly problem: string;
  /** What to do instead. */
  readonly fix: string;
  /** What the figure shows. */
  readonly shows: string;
  /** Simulates the scenario and returns its figure as text. */
  readonly figure: () => Promise<string>;
}

/** Returns lines of text with aligned columns, of which all but the first one are aligned to the right. */
export function columns(rows: readonly (readonly (string | number)[])[]): string {
  const texts = rows.map((row) => row.map(String));
  const widths = texts[0]!.map((_, column) => Math.max(...texts.map((row) => row[column]!.length)));
  const pad = (text: string, column: number) =>
    column === 0 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!);
  return texts.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}

export const percent = (share: number): string => `${Math.round(100 * share)} %`;
