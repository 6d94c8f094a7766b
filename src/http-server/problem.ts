/** A response that says what is wrong, for programs and for people (RFC 9457). */
export interface Problem {
  readonly status: number;
  /** JSON of the type `application/problem+json`. */
  readonly body: string;
}

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

export function missingKeyProblem(): Problem {
  const detail = 'The request does not say whom it is to be counted for.';
  return { status: 400, body: JSON.stringify({ type: 'about:blank', title: 'Bad Request', status: 400, detail }) };
}
