// The closed list of things that can go wrong, and the status each one answers with.

/**
 * Stable codes that the browser may decide on, each with its HTTP status and one sentence for a person.
 * The sentence is all that leaves the gateway: causes stay in the log (ASVS 16.5.1).
 */
export const ERRORS = {
  session_missing: { status: 401, detail: "You are not logged in." },
  session_expired: { status: 401, detail: "Your session has expired. Please log in again." },
  session_revoked: { status: 401, detail: "Your session was ended. Please log in again." },
  csrf_rejected: { status: 403, detail: "The request did not come from this application." },
  forbidden: { status: 403, detail: "You do not have the permission that this needs." },
  step_up_required: { status: 401, detail: "This needs a stronger login." },
  step_up_failed: { status: 403, detail: "The login service did not confirm you as strongly as this needs." },
  login_failed: { status: 400, detail: "The login could not be completed. Please try again." },
  store_unavailable: { status: 503, detail: "Sessions cannot be read right now. Nobody was logged out." },
  provider_unavailable: { status: 503, detail: "The login service cannot be reached right now." },
  overloaded: { status: 503, detail: "There is too much to do right now. Please try again in a moment." },
  upstream_unreachable: { status: 502, detail: "The service behind this address cannot be reached." },
  upstream_unavailable: { status: 503, detail: "The service behind this address is not available right now." },
  upstream_timeout: { status: 504, detail: "The service behind this address took too long to answer." },
  payload_too_large: { status: 413, detail: "The request is larger than allowed." },
  request_malformed: { status: 400, detail: "The request is not valid." },
  not_found: { status: 404, detail: "There is nothing at this address." },
  method_not_allowed: { status: 405, detail: "This address does not allow that method." },
  too_many_connections: { status: 429, detail: "Too many connections of this kind are open." },
  http_version_not_supported: {
    status: 505,
    detail:
      "The gateway speaks HTTP/1.1 only. A proxy in front of it must forward with HTTP/1.1 (nginx: proxy_http_version 1.1;).",
  },
  too_many_requests: { status: 429, detail: "Too many of your requests are waiting. Please try again in a moment." },
  internal: { status: 500, detail: "Something went wrong here." },
} as const satisfies Record<string, { status: number; detail: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** What a person can do about an error, where its code alone does not say it; shown instead of the code's sentence. */
export const EXPLANATIONS = {
  duplicate_cookie: {
    title: "Please open this page again",
    detail:
      "Another site on this domain has set a cookie with the name of one of ours. It has been removed; your login is not affected. Please try again.",
  },
  login_expired: {
    title: "The login was not completed",
    detail: "It took too long: a login must be completed within 15 minutes. Please start it again.",
  },
  login_cookie_missing: {
    title: "The login was not completed",
    detail:
      "Your browser did not send the login cookie. Cookies may be blocked for this site, the login may have been started in another browser or under another host name (such as 127.0.0.1 instead of localhost), or it was open for more than 15 minutes.",
  },
  secure_cookie_not_stored: {
    title: "The login was not completed",
    detail:
      "Your browser did not store the login cookie. It is marked Secure, and some browsers (Safari and others based on WebKit) do not store such cookies over http, not even on localhost. Logging in again will not help. Use Chrome, Edge or Firefox here, or serve this application over https.",
  },
} as const;

export type Explanation = keyof typeof EXPLANATIONS;

export type GatewayErrorOptions = {
  /** What really happened: for the log only, never for the browser. */
  cause?: unknown;
  /** For the log: a short, secret-free reason, so that one log line explains the refusal. */
  reason?: string;
  explanation?: Explanation;
  /** Overrides the status of the code, where one code has several (request_malformed: 400, 421, 431). */
  status?: number;
  /** Whole seconds for `Retry-After`; 503 answers get 1 where it is not given. */
  retryAfterSeconds?: number;
  /** `Allow` for method_not_allowed. */
  allow?: readonly string[];
  /** The login that cures step_up_required: a path of this gateway. */
  loginUrl?: string;
};

/** The one error class of the gateway: callers decide on `code`, the log reads `reason` and `cause`. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly code: ErrorCode;
  readonly status: number;
  readonly reason: string | undefined;
  readonly explanation: Explanation | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly allow: readonly string[] | undefined;
  readonly loginUrl: string | undefined;

  constructor(code: ErrorCode, options: GatewayErrorOptions = {}) {
    super(options.reason ?? ERRORS[code].detail, { cause: options.cause });
    this.code = code;
    this.status = options.status ?? ERRORS[code].status;
    this.reason = options.reason;
    this.explanation = options.explanation;
    this.retryAfterSeconds = options.retryAfterSeconds ?? (this.status === 503 ? 1 : undefined);
    this.allow = options.allow;
    this.loginUrl = options.loginUrl ?? (this.status === 401 ? "/bff/login" : undefined);
  }
}

/** An RFC 9457 problem, as the browser sees it. */
export type Problem = {
  type: "about:blank";
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  requestId: string;
  /** Where a 401 can be cured: a login URL of this gateway. */
  loginUrl?: string;
};
