// One request to an upstream and its answer, streamed both ways. What is begun is either finished or visibly cut.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { GatewayError } from "../errors.ts";
import { endAnswer, isUploading } from "../http/unread-body.ts";
import type { Upstream } from "./upstreams.ts";

export type Exchange = {
  request: IncomingMessage;
  response: ServerResponse;
  upstream: Upstream;
  /** Path and query as the upstream gets them. */
  target: string;
  headers: string[];
  body: Readable | undefined;
  /** The head for the browser. */
  answerHead: (status: number, headers: IncomingHttpHeaders) => string[];
};

export type ExchangeOutcome = "complete" | "browser left" | "cut";

/** What both sides of a running exchange share. */
type Run = {
  controller: Dispatcher.DispatchController | undefined;
  isDone: boolean;
  /** Length of a body that may be held back until it is complete, in bytes; 0: hold nothing back. */
  shortBytes: number;
  /** A whole short body, one character for each byte. */
  shortBody: string | undefined;
  settle: (outcome: ExchangeOutcome | GatewayError) => void;
};

/**
 * A body of known length up to this, that came in one piece, is sent together with its head as one string, which
 * saves Node the gathering of two parts: latin1 has one character for each byte and changes none.
 */
const SHORT_BYTES = 16_384;
/** A browser that takes nothing for this long holds an upstream's connection for nothing (slow read). */
const STALLED_READER_MS = 60_000;

/**
 * @returns when the answer has been handed over, or could not be finished; the browser's socket is closed then.
 * @throws GatewayError upstream_unreachable | upstream_timeout | payload_too_large while nothing has been answered
 */
export function exchange(parts: Exchange): Promise<ExchangeOutcome> {
  const { request, response, upstream, target, headers, body } = parts;
  return new Promise((resolve, reject) => {
    const run: Run = {
      controller: undefined,
      isDone: false,
      shortBytes: 0,
      shortBody: undefined,
      settle(outcome) {
        run.isDone = true;
        body?.destroy();
        if (outcome instanceof GatewayError) reject(outcome);
        else resolve(outcome);
      },
    };
    const onBrowserGone = (): void => {
      if (run.isDone) return;
      run.settle("browser left");
      run.controller?.abort(new Error("the browser left"));
    };
    response.once("close", onBrowserGone);
    const asked = { path: target, method: request.method ?? "", headers, body: body ?? null };
    upstream.pool.dispatch(asked, answerHandler(parts, run));
  });
}

function answerHandler({ request, response, answerHead }: Exchange, run: Run): Dispatcher.DispatchHandler {
  const resume = (): void => {
    response.socket?.setTimeout(0);
    run.controller?.resume();
  };
  return {
    onRequestStart(controller) {
      run.controller = controller;
      // It may have left while the request waited for a connection.
      if (run.isDone) controller.abort(new Error("the browser left"));
    },
    onResponseStart(_controller, status, headers) {
      if (status < 200 || run.isDone) return;
      const head = answerHead(status, headers);
      if (isUploading(request)) head.push("Connection", "close");
      response.writeHead(status, head);
      const length = headers["content-length"];
      if (length === undefined) flushSoon(response);
      else if (Number(length) <= SHORT_BYTES) run.shortBytes = Number(length);
    },
    onResponseData(controller, chunk) {
      if (run.isDone) return;
      if (chunk.length === run.shortBytes) {
        run.shortBody = chunk.toString("latin1");
        return;
      }
      if (response.write(chunk)) return;
      controller.pause();
      response.socket?.setTimeout(STALLED_READER_MS);
      response.once("drain", resume);
    },
    onResponseEnd() {
      if (run.isDone) return;
      run.settle("complete");
      endAnswer(request, response, run.shortBody, "latin1");
    },
    onResponseError(_controller, error) {
      if (run.isDone) return;
      if (!response.headersSent) {
        run.settle(upstreamError(error));
        return;
      }
      run.settle("cut");
      // A clean end would make half an answer look like a whole one.
      response.destroy();
    },
  };
}

/**
 * An event stream's head must not wait for its first event; a short answer's head should not be a packet alone. The
 * socket is corked and not the response: Node sends the body of a corked response after its end (seen on 22.23).
 */
function flushSoon(response: ServerResponse): void {
  const { socket } = response;
  socket?.cork();
  response.flushHeaders();
  if (socket !== null) process.nextTick(uncork, socket);
}

function uncork(socket: Socket): void {
  socket.uncork();
}

const TIMEOUTS: ReadonlySet<string> = new Set(["UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "ETIMEDOUT"]);

function upstreamError(error: Error): GatewayError {
  if (error instanceof GatewayError) return error;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return new GatewayError(TIMEOUTS.has(code) ? "upstream_timeout" : "upstream_unreachable", { cause: error });
}
