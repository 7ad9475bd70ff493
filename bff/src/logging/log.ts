// The structured log. Only values that are named here ever reach it: an allow-list, because a deny-list forgets.
import { pino, type DestinationStream } from "pino";
import { GatewayError } from "../errors.ts";
import { createLogDestination } from "./log-destination.ts";

/** Every field that a log line may carry. No cookie, header, URL query, body or token has a name here. */
export type LogFields = {
  requestId?: string | undefined;
  method?: string | undefined;
  /** Path without its query: codes and return paths live in queries. */
  path?: string | undefined;
  status?: number | undefined;
  durationMs?: number | undefined;
  clientAddress?: string | undefined;
  upstream?: string | undefined;
  code?: string | undefined;
  /** Why, in our own words or an error's name and message that we know to be free of secrets. */
  reason?: string | undefined;
  /** Public handle of a session, never the session id. */
  session?: string | undefined;
  subject?: string | undefined;
  /** Name of the provider's session, to find what the provider says of it; see providerSessionName. */
  providerSession?: string | undefined;
  /** Id of the application: instances that disagree on it share nothing. */
  application?: string | undefined;
  url?: string | undefined;
  count?: number | undefined;
  seconds?: number | undefined;
  error?: unknown;
};

/** What happened in terms of security (ASVS 16.3): each has its own name, so that an alarm can be set on it. */
export type SecurityEvent =
  | "login_started"
  | "login_completed"
  | "login_failed"
  | "logout"
  | "session_ended"
  | "session_revoked"
  | "logout_everywhere"
  | "admin_ended_sessions"
  | "provider_sessions_ended"
  | "backchannel_logout"
  | "backchannel_logout_rejected"
  | "refresh_rejected"
  | "refresh_outcome_unknown"
  | "csrf_rejected"
  | "request_rejected"
  | "cookie_rejected"
  | "forbidden";

/** What the line of one request says. */
export type RequestLine = {
  requestId: string;
  method: string;
  /** Path without its query. */
  path: string;
  status: number;
  durationMs: number;
  clientAddress: string;
  upstream: string | undefined;
  code: string | undefined;
  reason: string | undefined;
  /** What crossed, from the browser and to it. */
  webSocket?: Readonly<{ receivedBytes: number; sentBytes: number; endedBy: string | undefined }> | undefined;
};

export type Log = {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  security(event: SecurityEvent, fields?: LogFields): void;
  request(line: RequestLine): void;
  /** Writes what is still buffered: before the process ends. */
  flush(): void;
};

export function createLog(level: string, destination?: DestinationStream): Log {
  // Whatever an operator may be waiting for is written at once; request lines may wait for others.
  const output = destination ?? createLogDestination();
  const flush = () => {
    if ("flush" in output && typeof output.flush === "function") output.flush();
  };
  const logger = pino({ level, base: { service: "cloakroom" }, timestamp: isoTime }, output);
  const writesRequests = logger.isLevelEnabled("info");
  const line = (fields: LogFields | undefined) => (fields === undefined ? {} : clean(fields));
  return {
    debug: (message, fields) => logger.debug(line(fields), message),
    info: (message, fields) => logger.info(line(fields), message),
    warn: (message, fields) => {
      logger.warn(line(fields), message);
      flush();
    },
    error: (message, fields) => {
      logger.error(line(fields), message);
      flush();
    },
    security: (event, fields) => {
      logger.info({ ...line(fields), event }, "security event");
      flush();
    },
    request: (fields) => {
      if (writesRequests) output.write(requestLine(fields));
    },
    flush: () => {
      if ("flushSync" in output && typeof output.flushSync === "function") output.flushSync();
    },
  };
}

function clean(fields: LogFields): Record<string, unknown> {
  return fields.error === undefined ? fields : { ...fields, error: describeError(fields.error) };
}

const INFO = 30;
/** Printable ASCII without quotes and backslashes stands in JSON as it is. */
const PLAIN_TEXT = /^[ !#-[\]-~]*$/;

/** The line that pino would write. By hand, because every request writes one: pino's way costs three times as much. */
function requestLine(line: RequestLine): string {
  const { requestId, method, path, status, durationMs, clientAddress, upstream, code, reason, webSocket } = line;
  // Most lines have none of these.
  const tunnel = webSocket === undefined ? "" : webSocketFields(webSocket);
  const refusal = code === undefined && reason === undefined ? "" : `${field("code", code)}${field("reason", reason)}`;
  return (
    `{"level":${INFO}${isoTime()},"service":"cloakroom","requestId":"${requestId}","method":${text(method)}` +
    `,"path":${text(path)},"status":${status},"durationMs":${durationMs},"clientAddress":${text(clientAddress)}` +
    `${field("upstream", upstream)}${tunnel}${refusal},"msg":"request"}\n`
  );
}

function webSocketFields({
  receivedBytes,
  sentBytes,
  endedBy = "browser",
}: NonNullable<RequestLine["webSocket"]>): string {
  return `,"receivedBytes":${receivedBytes},"sentBytes":${sentBytes},"endedBy":"${endedBy}"`;
}

function text(value: string): string {
  return PLAIN_TEXT.test(value) ? `"${value}"` : JSON.stringify(value);
}

function field(name: string, value: string | undefined): string {
  return value === undefined ? "" : `,"${name}":${text(value)}`;
}

let writtenMs = 0;
let written = "";
/** Many lines fall into one millisecond: its text is made once. */
function isoTime(): string {
  const nowMs = Date.now();
  if (nowMs !== writtenMs) {
    writtenMs = nowMs;
    written = `,"time":"${new Date(nowMs).toISOString()}"`;
  }
  return written;
}

/**
 * An error as its chain of names and codes. Messages of foreign errors stay out: ioredis puts the command with its
 * arguments on them, oauth4webapi the token response, undici the URL.
 */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  for (let current = error; current instanceof Error && parts.length < 5; current = current.cause) {
    const code = "code" in current && typeof current.code === "string" ? current.code : "";
    const own = current instanceof GatewayError ? (current.reason ?? "") : "";
    parts.push([current.name, code, own].filter((part) => part !== "").join(" "));
  }
  return parts.length > 0 ? parts.join(" < ") : typeof error;
}
