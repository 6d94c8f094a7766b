import type { StoredResponse } from './stored-response.js';

/**
 * Returns the condition headers that revalidate the stored response (RFC 9111, 4.3.1); empty if it has no validator.
 */
export function conditionsFor({ headers }: StoredResponse): Record<string, string> {
  const conditions: Record<string, string> = {};
  for (const [name, value] of headers) {
    if (name === 'etag') conditions['if-none-match'] = value;
    if (name === 'last-modified') conditions['if-modified-since'] = value;
  }
  return conditions;
}

/**
 * Whether a 304 confirms the stored response (RFC 9111, 4.3.4): its validator must be equal to the stored one. A 304
 * without a validator confirms the response, because the request was about no other one.
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

/** Headers that describe the body. A 304 does not change them (RFC 9111, 3.2). */
const OF_THE_BODY = ['content-length', 'content-encoding', 'content-range'];

/** Returns the headers of the stored response after a 304, whose headers replace the stored ones. */
export function freshenedHeaders({ headers }: StoredResponse, notModified: Headers): Headers {
  const freshened = new Headers(headers as [string, string][]);
  const changes = [...notModified].filter(([name]) => !OF_THE_BODY.includes(name));
  freshened.delete('date'); // the stored date would make the confirmed response too old
  for (const [name] of changes) freshened.delete(name);
  for (const [name, value] of changes) freshened.append(name, value);
  return freshened;
}
