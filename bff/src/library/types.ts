// The types of the library: what hosts see of a gateway. They name no type of a dependency.
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Configuration } from "./configuration.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * One of three: an object of the shape of cloakroom.yaml, the path of such a file, or environment variables as the command
 * line reads them.
 */
export type ConfigurationSource =
  | {
      config: Configuration;
      /** Where relative paths begin. Default: the working directory. */
      folder?: string | undefined;
      /** Variables that texts such as `${NAME}` refer to. Default: those of the process. */
      env?: Environment | undefined;
      file?: undefined;
    }
  | { file: string; env?: Environment | undefined; config?: undefined; folder?: undefined }
  | { env: Environment; config?: undefined; file?: undefined; folder?: undefined };

export type GatewayOptions = ConfigurationSource & {
  /** Receives the log lines. Without it the gateway writes nothing. */
  log?: GatewayLog | undefined;
};

/** One log line. Its fields are those of docs/reference/log-events.md; none of them is a secret. */
export type LogEntry = Readonly<Record<string, unknown>> & {
  readonly level: LogLevel;
  /** ISO 8601. */
  readonly time: string;
  readonly message: string;
};
export type LogLevel = "debug" | "info" | "warn" | "error";
/** Methods as those of pino, of `fastify.log` and of `console`. */
export type Logger = { [L in LogLevel]: (fields: Readonly<Record<string, unknown>>, message: string) => void };
export type GatewayLog = ((entry: LogEntry) => void) | Logger;

/** What an own route requires of a request. The keys are those of an upstream row. */
export type SessionRequirements = Readonly<{
  /** `session` (default): rejects requests without one. `optional`: they are anonymous. */
  access?: "session" | "optional" | undefined;
  /**
   * CSRF check. `header` (default): `X-CSRF: 1` and same-origin. `fetch-metadata`: safe methods need no `X-CSRF`.
   * `same-origin`: routes that render pages or receive forms.
   */
  csrf?: "header" | "fetch-metadata" | "same-origin" | undefined;
  /** The user must have one of them; otherwise 403. */
  requiredRoles?: readonly string[] | undefined;
  /** All of them must have been granted at login; otherwise 403. */
  requiredScopes?: readonly string[] | undefined;
  /** All rules must hold; otherwise 403. */
  requiredClaims?: readonly Readonly<{ claim: string; values: readonly (string | number | boolean)[] }>[] | undefined;
  /** Accepted values of `acr`; otherwise 401 `step_up_required`. */
  requiredAcr?: readonly string[] | undefined;
  /** Maximum time since the user authenticated; otherwise 401 `step_up_required`. */
  maxAuthenticationAgeSeconds?: number | undefined;
  /** Audience of the access token: by token exchange (RFC 8693). */
  audience?: string | undefined;
  /** Like `audience`, for providers with resource indicators (RFC 8707). */
  resource?: string | undefined;
  /** Scopes of the access token. */
  scope?: string | undefined;
}>;

/** Claims of the user as in the response of `GET /bff/user`. */
export type UserClaims = Readonly<Record<string, unknown>>;

export type SessionResult<User = UserClaims> = SessionFound<User> | Rejection;

export type SessionFound<User = UserClaims> = Readonly<{
  kind: "session";
  user: User;
  roles: readonly string[];
  session: Readonly<{
    /** Public handle: `session.id` of `GET /bff/user`. It does not authenticate. */
    id: string;
    createdAt: string;
    acr: string | null;
    authTime: string | null;
  }>;
  /** The access token for an API. It is refreshed at most once for all concurrent requests, also of other instances. */
  accessToken(): Promise<AccessTokenResult>;
  /**
   * Calls `listener` once when the session ends, on whatever instance: for event streams and WebSockets. Also when its end
   * can no longer be noticed: `gateway_closed`, `application_removed`.
   * @returns a function that removes the listener
   */
  onEnd(listener: (reason: string) => void): () => void;
}>;

/** With `access: "optional"`: no session. */
export type Anonymous = Readonly<{ kind: "anonymous" }>;

/** A response that the request gets instead; see sendRejection and rejectionResponse. */
export type Rejection = Readonly<{
  /**
   * `signed-out`: 401, a login helps. `unavailable`: 503, a retry helps. `navigation`: leads the browser to the login, or
   * repeats a navigation for which it withheld the session cookie. `rejected`: all others.
   */
  kind: "signed-out" | "unavailable" | "navigation" | "rejected";
  status: number;
  /** Stable code of docs/reference/error-codes.md. */
  code: string;
  /** In lower case. */
  headers: Readonly<Record<string, string | string[]>>;
  body: string;
}>;

export type AccessTokenResult =
  | Readonly<{
      kind: "ready";
      accessToken: string;
      /** `DPoP`: each request needs a proof of its own (RFC 9449). */
      tokenType: "Bearer" | "DPoP";
      /**
       * @param request method and URL of the request to the API; `nonce`: its `DPoP-Nonce`, for a repetition
       * @returns the value of the header `DPoP`; undefined for a bearer token
       */
      proof(request: { method: string; url: string; nonce?: string | undefined }): Promise<string | undefined>;
    }>
  | Rejection;

export type CheckStatus = "ok" | "degraded" | "failed";
export type Readiness = Readonly<{
  /** False until all checks have passed once, and while the gateway closes. */
  takesRequests: boolean;
  status: CheckStatus;
  checks: Readonly<Record<string, Readonly<{ status: CheckStatus; detail?: string }>>>;
  detail?: string;
}>;

export type ApplyResult =
  | { kind: "applied"; added: string[]; changed: string[]; removed: string[] }
  /** The running configuration stays. One sentence per reason. */
  | { kind: "rejected"; reasons: readonly string[] };

/** Handles the requests of the host; its result is ignored. */
export type HostListener = (request: IncomingMessage, response: ServerResponse) => unknown;

export type Gateway = {
  /**
   * Handles a request of the gateway's own paths (`/bff`) and of upstream rows. Calls `next` for others. Mount it without
   * a path, before body parsers and compression.
   * @returns whether it handles the request
   */
  handler(request: IncomingMessage, response: ServerResponse, next?: () => void): boolean;
  /**
   * Handles WebSocket handshakes of upstream rows. `attach` and `createServer` call it.
   * @returns false for handshakes of the host
   */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  /** Serves the app's files and its page (`pages` in the configuration), with their policies: the last handler of a host. */
  pages(request: IncomingMessage, response: ServerResponse): void;
  /**
   * Creates a server with the options that the gateway relies on.
   * @param host receives the requests that are not the gateway's. Default: `pages`
   */
  createServer(host?: HostListener): Server;
  /**
   * Handles what Node reports beside requests: WebSockets, `Expect: 100-continue`, parser errors. For servers that
   * `createServer` has not made; their requests reach the gateway by `handler`. Logs one sentence per option that weakens it.
   * @throws TypeError for an option that makes the gateway unsafe
   */
  attach(server: Server): void;
  /**
   * Checks a request of an own route by the rules of a forwarded request, and finds its session.
   * @throws TypeError for invalid requirements
   */
  session<User = UserClaims>(
    request: IncomingMessage,
    requirements: SessionRequirements & { access: "optional" },
  ): Promise<SessionResult<User> | Anonymous>;
  session<User = UserClaims>(
    request: IncomingMessage,
    requirements?: SessionRequirements & { access?: "session" | undefined },
  ): Promise<SessionResult<User>>;
  session<User = UserClaims>(
    request: IncomingMessage,
    requirements: SessionRequirements,
  ): Promise<SessionResult<User> | Anonymous>;
  /** Runs all checks: what /readyz shows. */
  readiness(): Promise<Readiness>;
  /** @returns the metrics of the gateway in the Prometheus text format; those of the process are the host's */
  metrics(): Promise<string>;
  /** Replaces the configuration without dropping a request, or leaves it. */
  apply(source: ConfigurationSource): Promise<ApplyResult>;
  /**
   * Ends event streams and WebSockets, lets other requests finish for at most DRAIN_SECONDS, then disconnects. The host
   * closes its server itself.
   */
  close(): Promise<void>;
};
