// Structured JSON log on pino. Fields are an allow-list, so that no secret is logged by accident.
import { pino, type DestinationStream } from "pino";
import { GatewayError } from "../errors.ts";
import { isoTime } from "../lib/iso-time.ts";
import { causesOf, codeOf } from "../lib/network-errors.ts";
import { createLogDestination } from "./log-destination.ts";

/** All fields of a log line. There is none for cookies, headers, URL queries, bodies and tokens. */
export type LogFields = {
  requestId?: string | undefined;
  method?: string | undefined;
  /** Path without the query, which may contain authorization codes and return paths. */
  path?: string | undefined;
  status?: number | undefined;
  durationMs?: number | undefined;
  clientAddress?: string | undefined;
  upstream?: string | undefined;
  code?: string | undefined;
  /** Why: a text of the gateway, or the name and message of an error known to contain no secret. */
  reason?: string | undefined;
  /** Public handle of the session, not the session id. */
  session?: string | undefined;
  subject?: string | undefined;
  /** Hash that identifies the provider's session, to correlate with the provider's log; see providerSessionName. */
  providerSession?: string | undefined;
  /** Application id; instances of one application share it. */
  application?: string | undefined;
  /** Name of the admin token that the request had. */
  admin?: string | undefined;
  /** Configuration hash. */
  configuration?: string | undefined;
  url?: string | undefined;
  /** Violations of the Content-Security-Policy: directive, what was blocked (no URL of another origin), and the setting that allows it. */
  directive?: string | undefined;
  blocked?: string | undefined;
  setting?: Readonly<Record<string, string>> | undefined;
  count?: number | undefined;
  seconds?: number | undefined;
  error?: unknown;
};

/** How lines name settings; see config/setting-words.ts. */
type SettingWords = {
  sentence(text: string): string;
  assignments(values: Readonly<Record<string, string>>): string;
};

/** Security events (ASVS 16.3), logged in the field `event`, so that alerts can match them. */
export type SecurityEvent =
  | "login_started"
  | "login_completed"
  | "login_failed"
  | "logout"
  | "session_ended"
  | "session_revoked"
  | "logout_everywhere"
  | "admin_ended_sessions"
  | "admin_access"
  | "admin_access_rejected"
  | "provider_sessions_ended"
  | "backchannel_logout"
  | "backchannel_logout_rejected"
  | "refresh_rejected"
  | "refresh_outcome_unknown"
  | "csrf_rejected"
  | "request_rejected"
  | "cookie_rejected"
  | "access_token_rejected"
  | "rate_limited"
  | "forbidden";

/** Fields of the access log line of one request. */
export type RequestLine = {
  requestId: string;
  method: string;
  /** Path without the query. */
  path: string;
  status: number;
  durationMs: number;
  clientAddress: string;
  upstream: string | undefined;
  code: string | undefined;
  reason: string | undefined;
  /** Hash of the holder of an access token that the client brought; see AcceptedToken. */
  holder?: string | undefined;
  /** Bytes received from and sent to the browser, and the side or limit that ended the WebSocket. */
  webSocket?: Readonly<{ receivedBytes: number; sentBytes: number; endedBy: string | undefined }> | undefined;
};

export type Log = {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  security(event: SecurityEvent, fields?: LogFields): void;
  request(line: RequestLine): void;
  /** Writes buffered lines and returns when they are written. Call it before the process exits. */
  flush(): void;
};

export type ProcessLog = Log & {
  /**
   * @param isShown whether lines have the field `application`: while the process serves several
   * @returns the log of one application
   */
  of(application: string, isShown: () => boolean): Log;
};

type LogOptions = {
  destination?: DestinationStream | undefined;
  words: SettingWords;
};

export function createLog(level: string, { destination, words }: LogOptions): ProcessLog {
  // Warnings, errors and security events are flushed immediately; request lines are buffered.
  const output = destination ?? createLogDestination();
  const flush = () => {
    if ("flush" in output && typeof output.flush === "function") output.flush();
  };
  const logger = pino({ level, base: { service: "cloakroom" }, timestamp: timeField }, output);
  const writesRequests = logger.isLevelEnabled("info");
  const writer = (application: () => string | undefined): Log => {
    const line = (fields: LogFields = {}) => ({ application: application(), ...clean(fields, words) });
    return {
      debug: (message, fields) => {
        if (logger.isLevelEnabled("debug")) logger.debug(line(fields), words.sentence(message));
      },
      info: (message, fields) => logger.info(line(fields), words.sentence(message)),
      warn: (message, fields) => {
        logger.warn(line(fields), words.sentence(message));
        flush();
      },
      error: (message, fields) => {
        logger.error(line(fields), words.sentence(message));
        flush();
      },
      security: (event, fields) => {
        logger.info({ ...line(fields), event }, "security event");
        flush();
      },
      request: (fields) => {
        if (writesRequests) output.write(requestLine(inWords(fields, words), application()));
      },
      flush: () => {
        if ("flushSync" in output && typeof output.flushSync === "function") output.flushSync();
      },
    };
  };
  return {
    ...writer(() => undefined),
    of: (application, isShown) => writer(() => (isShown() ? application : undefined)),
  };
}

function clean({ error, reason, setting, ...fields }: LogFields, words: SettingWords): Record<string, unknown> {
  return {
    ...fields,
    ...(reason === undefined ? {} : { reason: words.sentence(reason) }),
    ...(setting === undefined ? {} : { setting: words.assignments(setting) }),
    ...(error === undefined ? {} : { error: words.sentence(describeError(error)) }),
  };
}

/** Most requests have no reason. */
function inWords(line: RequestLine, words: SettingWords): RequestLine {
  return line.reason === undefined ? line : { ...line, reason: words.sentence(line.reason) };
}

const INFO = 30;
/** Printable ASCII without quotes and backslashes, which needs no escaping in JSON. */
const PLAIN_TEXT = /^[ !#-[\]-~]*$/;

/** Builds the line that pino would write. Hand-written because every request logs one; pino takes three times as long. */
function requestLine(line: RequestLine, application: string | undefined): string {
  const { requestId, method, path, status, durationMs, clientAddress, upstream, code, reason, webSocket } = line;
  const holder = field("holder", line.holder);
  const tunnel = webSocket === undefined ? "" : webSocketFields(webSocket);
  const rejection =
    code === undefined && reason === undefined ? "" : `${field("code", code)}${field("reason", reason)}`;
  return (
    `{"level":${INFO}${timeField()},"service":"cloakroom"${field("application", application)}` +
    `,"requestId":"${requestId}","method":${text(method)}` +
    `,"path":${text(path)},"status":${status},"durationMs":${durationMs},"clientAddress":${text(clientAddress)}` +
    `${field("upstream", upstream)}${holder}${tunnel}${rejection},"msg":"request"}\n`
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

let cachedMs = 0;
let cachedTime = "";
/** The `time` field as JSON text, cached for the current millisecond. */
function timeField(): string {
  const nowMs = Date.now();
  if (nowMs !== cachedMs) {
    cachedMs = nowMs;
    cachedTime = `,"time":"${isoTime(nowMs)}"`;
  }
  return cachedTime;
}

const MAX_CAUSES = 5;

/**
 * Formats an error and its causes as names, codes and reasons of the gateway. Messages of other errors are omitted: they
 * may contain a Redis command with its arguments (ioredis), a token response (oauth4webapi) or a URL (undici).
 */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  for (const each of causesOf(error)) {
    const own = each instanceof GatewayError ? (each.reason ?? "") : "";
    parts.push([each.name, codeOf(each), own].filter((part) => part !== "").join(" "));
  }
  return parts.length > 0 ? parts.slice(0, MAX_CAUSES).join(" < ") : typeof error;
}
