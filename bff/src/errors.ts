// Error codes of the gateway with status and texts, and the one error class.
import { INVALID, NOT_LOGGED_IN, PAGE_UNAVAILABLE, UNAVAILABLE, type PageText } from "./error-sentences.ts";

/**
 * Stable codes, each with its HTTP status, the `detail` of its problem response, and the texts of its page. Responses
 * contain nothing else; causes are logged only (ASVS 16.5.1).
 */
export const ERRORS = {
  session_missing: { status: 401, detail: "You are not logged in.", page: NOT_LOGGED_IN },
  session_expired: {
    status: 401,
    detail: "Your session has expired. Please log in again.",
    page: { title: "Your session has expired", sentence: "You were away for a while. Please log in again." },
  },
  session_revoked: {
    status: 401,
    detail: "Your session was ended. Please log in again.",
    page: { title: "Your session was ended", sentence: "You were logged out here. Please log in again." },
  },
  csrf_rejected: {
    status: 403,
    detail: "The request did not come from this application.",
    page: {
      title: "We stopped this request",
      sentence: "It did not come from this application. If you followed a link, open the application itself instead.",
    },
  },
  forbidden: {
    status: 403,
    detail: "You do not have the required permission.",
    page: { title: "You cannot open this", sentence: "Your account does not have the required permission." },
  },
  token_missing: {
    status: 401,
    detail: "This address needs an access token in the header Authorization.",
    page: NOT_LOGGED_IN,
  },
  invalid_token: {
    status: 401,
    detail: "The access token is expired, revoked, malformed or not valid for this address.",
    page: NOT_LOGGED_IN,
  },
  invalid_dpop_proof: {
    status: 401,
    detail: "The access token is bound to a key, and the request has no valid DPoP proof of that key.",
    page: NOT_LOGGED_IN,
  },
  insufficient_scope: {
    status: 403,
    detail: "The access token does not have the required permission.",
    page: { title: "You cannot open this", sentence: "Your account does not have the required permission." },
  },
  session_changed: {
    status: 409,
    detail: "Another login has replaced the session that this page belongs to. Reload the page.",
    page: { title: "This page is out of date", sentence: "Another login has replaced yours. Please reload the page." },
  },
  step_up_required: {
    status: 401,
    detail: "This needs a stronger login.",
    page: { title: "Please confirm it is you", sentence: "This needs a stronger login." },
  },
  step_up_failed: {
    status: 403,
    detail: "The login service did not confirm the stronger login that this needs.",
    page: {
      title: "You were not confirmed",
      sentence:
        "The login service skipped the second step that this needs. Nothing has changed: you are logged in as before.",
    },
  },
  login_failed: {
    status: 400,
    detail: "The login could not be completed. Please try again.",
    page: {
      title: "The login was not completed",
      sentence: "It may have taken too long, or was started in another window. Please try again.",
    },
  },
  store_unavailable: {
    status: 503,
    detail: "Sessions cannot be read right now. This does not log you out.",
    page: PAGE_UNAVAILABLE,
  },
  provider_unavailable: {
    status: 503,
    detail: "The login service cannot be reached right now.",
    page: UNAVAILABLE,
  },
  overloaded: {
    status: 503,
    detail: "The service is overloaded. Please try again in a moment.",
    page: {
      title: "This application is overloaded right now",
      sentence: "This does not log you out. Please try again in a moment.",
    },
  },
  upstream_unreachable: {
    status: 502,
    detail: "The service behind this address cannot be reached.",
    page: PAGE_UNAVAILABLE,
  },
  upstream_unavailable: {
    status: 503,
    detail: "The service behind this address is not available right now.",
    page: PAGE_UNAVAILABLE,
  },
  upstream_timeout: {
    status: 504,
    detail: "The service behind this address took too long to respond.",
    page: PAGE_UNAVAILABLE,
  },
  payload_too_large: { status: 413, detail: "The request is larger than allowed.", page: INVALID },
  request_malformed: { status: 400, detail: "The request is not valid.", page: INVALID },
  not_found: {
    status: 404,
    detail: "There is nothing at this address.",
    page: { title: "There is nothing here", sentence: "The address may be old or mistyped." },
  },
  method_not_allowed: { status: 405, detail: "This address does not allow that method.", page: INVALID },
  too_many_connections: {
    status: 429,
    detail: "Too many connections of this kind are open.",
    page: { title: "Too many open connections", sentence: "Close some tabs of this application and try again." },
  },
  http_version_not_supported: {
    status: 505,
    detail:
      "The gateway supports HTTP/1.1 only. A proxy in front of it must forward with HTTP/1.1 (nginx: proxy_http_version 1.1;).",
    page: {
      title: "A proxy in front of this application is misconfigured",
      sentence: "It must forward with HTTP/1.1 (nginx: proxy_http_version 1.1;).",
    },
  },
  too_many_requests: {
    status: 429,
    detail: "Too many of your requests are waiting. Please try again in a moment.",
    page: {
      title: "Too many requests at once",
      sentence:
        "Several of your requests still wait for a response. This does not log you out. Please try again in a moment.",
    },
  },
  rate_limit_exceeded: {
    status: 429,
    detail: "You have sent too many requests. Please try again later.",
    page: { title: "Too many requests", sentence: "You have sent too many requests. Please try again later." },
  },
  claim_not_forwardable: {
    status: 500,
    detail: "Your account holds a value that the service behind this address cannot receive.",
    page: {
      title: "Something went wrong",
      sentence: "Your account holds a value that the service behind this address cannot receive.",
    },
  },
  internal: {
    status: 500,
    detail: "An internal error occurred.",
    page: { title: "Something went wrong", sentence: "The error is on our side. Please try again in a moment." },
  },
} as const satisfies Record<string, { status: number; detail: string; page: PageText }>;

export type ErrorCode = keyof typeof ERRORS;

/** More specific texts for some causes of an error code, with what the user can do. They replace the texts of the code. */
export const EXPLANATIONS = {
  duplicate_cookie: {
    title: "Please open this page again",
    detail:
      "Another site on this domain has set a cookie with the name of one of this application. It has been removed; your login is not affected. Please try again.",
  },
  login_expired: {
    title: "The login was not completed",
    detail: "It took too long: a login must be completed within 15 minutes. Please start it again.",
  },
  login_page_expired: {
    title: "The login was not completed",
    detail: "The page of the login service was open for too long. Please start the login again.",
  },
  login_denied: {
    title: "The login was not completed",
    detail: "It was cancelled, or the login service does not allow it for this account. You can start it again.",
  },
  login_misconfigured: {
    title: "The login is not possible",
    detail:
      "The login service does not accept the configuration of this application. Trying again will not help until its operator has corrected it.",
  },
  login_cookie_missing: {
    title: "The login was not completed",
    detail:
      "Your browser did not send the login cookie. Cookies may be blocked for this site, the login may have been already used, or started in another browser or under another host name (such as 127.0.0.1 instead of localhost), or it was open for more than 15 minutes.",
  },
  foreign_issuer: {
    title: "This link is for another login service",
    detail:
      "The link asks for a login at another login service than the one that this application uses. Open the application itself and log in there.",
  },
  registration_not_offered: {
    title: "You cannot register with this link",
    detail:
      "The login service does not open its registration page from a link. Log in instead; its login page may offer to create an account.",
  },
  secure_cookie_not_stored: {
    title: "The login was not completed",
    detail:
      "Your browser did not store the login cookie. It is marked Secure, and WebKit browsers such as Safari do not store such cookies over http, not even on localhost. Logging in again will not help. Use Chrome, Edge or Firefox here, or serve this application over https.",
  },
} as const;

export type Explanation = keyof typeof EXPLANATIONS;

export type GatewayErrorOptions = {
  /** The underlying error. Logged, never sent to the browser. */
  cause?: unknown;
  /** A short reason without secrets. Logged, never sent to the browser. */
  reason?: string;
  explanation?: Explanation;
  /** Overrides the status of a code that has several (request_malformed: 400, 421, 431). */
  status?: number;
  /** `Retry-After` in whole seconds; default 1 for status 503, otherwise none. */
  retryAfterSeconds?: number;
  /** Methods of the `Allow` header, for method_not_allowed. */
  allow?: readonly string[];
  /** Why the session ended: sent with status 401 (session/end-reasons.ts). */
  endReason?: string;
  /** Path of a login that satisfies the request; default /bff/login for status 401 without `challenges`. */
  loginUrl?: string | undefined;
  /** Values of `WWW-Authenticate` for a client with an access token, which cannot log in. */
  challenges?: readonly string[];
};

/** The error class of the gateway. Callers decide on `code`; `reason` and `cause` are logged. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly code: ErrorCode;
  readonly status: number;
  readonly reason: string | undefined;
  readonly explanation: Explanation | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly allow: readonly string[] | undefined;
  readonly endReason: string | undefined;
  readonly loginUrl: string | undefined;
  readonly challenges: readonly string[] | undefined;

  constructor(code: ErrorCode, options: GatewayErrorOptions = {}) {
    super(options.reason ?? ERRORS[code].detail, { cause: options.cause });
    this.code = code;
    this.status = options.status ?? ERRORS[code].status;
    this.reason = options.reason;
    this.explanation = options.explanation;
    this.retryAfterSeconds = options.retryAfterSeconds ?? (this.status === 503 ? 1 : undefined);
    this.allow = options.allow;
    this.endReason = options.endReason;
    this.challenges = options.challenges;
    const isLoginPossible = this.status === 401 && options.challenges === undefined;
    this.loginUrl = options.loginUrl ?? (isLoginPossible ? "/bff/login" : undefined);
  }
}

/** Body of an error response: a problem of RFC 9457. */
export type Problem = {
  type: "about:blank";
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  requestId: string;
  /** For status 401: why the session ended, if that is known. */
  reason?: string;
  /** For status 401: the path of the gateway that starts a login. */
  loginUrl?: string;
};
