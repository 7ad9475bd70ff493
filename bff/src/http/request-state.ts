// What the parts of the gateway tell each other about one request, and the few questions asked of its raw target.
import type { IncomingMessage } from "node:http";
import type { Context } from "koa";
import type { ErrorCode } from "../errors.ts";
import type { SecurityEvent } from "../logging/log.ts";
import type { WaitingRequest } from "./waiting-request.ts";
import type { WebSocketEnd } from "../metrics/metrics.ts";

export type WebSocketUse = {
  /** From the browser. */
  receivedBytes: number;
  /** To the browser. */
  sentBytes: number;
  endedBy: WebSocketEnd | undefined;
};

export type RequestState = {
  /** Our own random id: one from the browser could forge or join log lines. */
  requestId: string;
  /** Prefix of the upstream that was chosen. */
  upstream?: string;
  /** Set by whoever refuses or gives up, for the request's log line. */
  code?: ErrorCode;
  reason?: string;
  /** A more precise name for the security event than the code alone gives. */
  securityEvent?: SecurityEvent;
  /** Once it has become a WebSocket: counts on until that is closed. */
  webSocket?: Readonly<WebSocketUse>;
  /** Its place among the requests that wait; see load-shedding.ts. */
  waiting?: WaitingRequest;
  /** A validated return path: the error page offers to try again for it. */
  returnPath?: string;
};

/** The state of a request that has passed answerErrors, which is the outermost middleware. */
export function requestState(ctx: Context): RequestState {
  return ctx.state as RequestState;
}

/** @returns the raw target without its query: never decoded, never parsed as a URL (absolute-form fools parsers). */
export function rawPath(target: string): string {
  const query = target.indexOf("?");
  return query === -1 ? target : target.slice(0, query);
}

/** Whether a body is announced; Node has already refused every ambiguous framing. */
export function hasBody(request: IncomingMessage): boolean {
  const { "transfer-encoding": coding, "content-length": length } = request.headers;
  return coding !== undefined || (length !== undefined && !/^0+$/.test(length));
}
