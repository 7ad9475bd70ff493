// Per-request state shared by the middlewares (ctx.state), and helpers for the raw request.
import type { IncomingMessage } from "node:http";
import type { Context } from "koa";
import type { ErrorCode } from "../errors.ts";
import type { SecurityEvent } from "../logging/log.ts";
import type { PageLanguages } from "./languages.ts";
import type { Route } from "./route-table.ts";
import type { WaitingRequest } from "./waiting-request.ts";
import type { WebSocketEnd } from "../metrics/metrics.ts";

export type WebSocketUse = {
  /** Bytes from the browser. */
  receivedBytes: number;
  /** Bytes to the browser. */
  sentBytes: number;
  endedBy: WebSocketEnd | undefined;
};

export type RequestState = {
  route: Route;
  /** Random; an id from the browser could forge log lines. */
  requestId: string;
  /** Prefix of the matched upstream. */
  upstream?: string;
  /** Hash of the holder of the request's own access token, for the request log line. */
  holder?: string;
  /** Error code and reason for the request log line. */
  code?: ErrorCode;
  reason?: string;
  /** Overrides the security event that the error code implies. */
  securityEvent?: SecurityEvent;
  /** Set once the request has become a WebSocket; updated until that is closed. */
  webSocket?: Readonly<WebSocketUse>;
  /** The request in the quotas of load-shedding.ts. */
  waiting?: WaitingRequest;
  /** RateLimit headers of the response, as a flat list. */
  rateLimit?: readonly string[];
  /** A validated return path for the "Try again" link of the error page. */
  returnPath?: string;
  /** `ui_locales` of a login: the languages of its pages. */
  uiLocales?: readonly string[];
};

/** The state that the outermost middleware (errorResponse) has initialized. */
export function requestState(ctx: Context): RequestState {
  return ctx.state as RequestState;
}

/** Whose languages the pages of this request follow. */
export function languagesOf(ctx: Context): PageLanguages {
  return { acceptLanguage: ctx.req.headers["accept-language"], uiLocales: requestState(ctx).uiLocales };
}

/** @returns the raw target without its query, neither decoded nor parsed as a URL */
export function rawPath(target: string): string {
  const query = target.indexOf("?");
  return query === -1 ? target : target.slice(0, query);
}

/** Whether the headers announce a body; Node rejects ambiguous framing before. */
export function hasBody(request: IncomingMessage): boolean {
  const { "transfer-encoding": coding, "content-length": length } = request.headers;
  return coding !== undefined || (length !== undefined && !/^0+$/.test(length));
}
