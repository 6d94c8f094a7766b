/** A problem document (RFC 9457): a response that describes an error for programs and for people. */
export interface Problem {
  readonly status: number;
  /** JSON of the type `application/problem+json`. */
  readonly body: string;
}

/** The media type of problem documents. */
export const PROBLEM_JSON = 'application/problem+json';

/** The problem type of draft-ietf-httpapi-ratelimit-headers-10, section 5.1. */
export function quotaExceeded(status: number, policy: string, detail: string | undefined): Problem {
  const body = {
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
    title: 'Request cannot be satisfied as assigned quota has been exceeded',
    status,
    detail,
    'violated-policies': [policy],
  };
  return { status, body: JSON.stringify(body) };
}

/** The response to a request without a key, if `onMissingKey` is 'reject'. */
export function missingKeyProblem(): Problem {
  const detail = 'The request has no key that it could be counted for.';
  return { status: 400, body: JSON.stringify({ type: 'about:blank', title: 'Bad Request', status: 400, detail }) };
}
