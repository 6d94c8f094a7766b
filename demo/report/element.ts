export function element(tag: string, className: string, ...children: (string | Node)[]): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...children);
  return made;
}

export const percent = (share: number | null): string => (share === null ? '–' : `${(100 * share).toFixed(1)} %`);

export const millis = (ms: number | null): string =>
  ms === null ? '–' : `${ms.toFixed(ms < 10 && !Number.isInteger(ms) ? 1 : 0)} ms`;
