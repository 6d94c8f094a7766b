import type { StoredResponse } from './stored-response.js';

/** What asks the origin whether the stored response still holds (RFC 9111, 4.3.1); empty when there is nothing to ask by. */
export function conditionsFor({ headers }: StoredResponse): Record<string, string> {
  const conditions: Record<string, string> = {};
  for (const [name, value] of headers) {
    if (name === 'etag') conditions['if-none-match'] = value;
    if (name === 'last-modified') conditions['if-modified-since'] = value;
  }
  return conditions;
}

/**
 * Whether a 304 is about the stored response (RFC 9111, 4.3.4): what it names itself by must be what that has. One that
 * names itself by nothing is taken to be, since nothing else was asked about.
 */
export function isConfirmedBy({ headers }: StoredResponse, notModified: Headers): boolean {
  const stored = new Map(headers);
  const etag = notModified.get('etag');
  if (etag !== null) return weakly(etag) === weakly(stored.get('etag') ?? '');
  const lastModified = notModified.get('last-modified');
  return lastModified === null || lastModified === stored.get('last-modified');
}

/** Weak comparison (RFC 9110, 8.8.3.2). */
const weakly = (etag: string): string => etag.trim().replace(/^W\//, '');

/** What describes the body, which stays (RFC 9111, 3.2). */
const OF_THE_BODY = ['content-length', 'content-encoding', 'content-range'];

/** The headers that the stored response has from now on: those of the 304 in place of its own. */
export function freshenedHeaders({ headers }: StoredResponse, notModified: Headers): Headers {
  const freshened = new Headers(headers as [string, string][]);
  const changes = [...notModified].filter(([name]) => !OF_THE_BODY.includes(name));
  freshened.delete('date'); // or its age would be reckoned from when the old one was sent
  for (const [name] of changes) freshened.delete(name);
  for (const [name, value] of changes) freshened.append(name, value);
  return freshened;
}
