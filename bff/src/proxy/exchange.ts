// One request to an upstream and its answer, streamed both ways. What is begun is either finished or visibly cut.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex, Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { GatewayError } from "../errors.ts";
import { endAnswer, isUploading } from "../http/unread-body.ts";
import type { Address } from "./address.ts";
import type { Connection, TracedHandler, Traces } from "./connection.ts";
import type { UpstreamOutcome } from "./tally.ts";
import { isConnectFault, isRepeatable, isStaleConnection, upstreamError } from "./upstream-fault.ts";
import type { Upstream } from "./upstreams.ts";

export type Exchange = {
  request: IncomingMessage;
  response: ServerResponse;
  upstream: Upstream;
  /** Where a place was taken; it is released here. */
  address: Address;
  /** Path and query as the upstream gets them. */
  target: string;
  headers: string[];
  body: Readable | undefined;
  /** What an answer means instead of itself; undefined: it is passed on. */
  refusalOf: (status: number, headers: IncomingHttpHeaders) => GatewayError | undefined;
  /** The head for the browser. */
  answerHead: (status: number, headers: IncomingHttpHeaders) => string[];
  /** See STALLED_READER_MS, which it is where it is not given. */
  stalledReaderMs?: number;
  /** Asks for a WebSocket, and gets the head and the socket where the upstream agrees; nothing is answered then. */
  onUpgrade?: (headers: IncomingHttpHeaders, socket: Duplex) => void;
};

export type ExchangeOutcome = "complete" | "browser left" | "cut" | "upgraded";

/** What both sides of a running exchange share. */
type Run = {
  address: Address;
  controller: Dispatcher.DispatchController | undefined;
  /** Of the connection that the request was sent on; undefined: not sent yet. */
  traces: Traces | undefined;
  /** Whether it may still be sent once more. */
  mayRetry: boolean;
  isDone: boolean;
  interimAnswers: number;
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
/** None of them crosses; an upstream that works on something for long may send a few. */
const MAX_INTERIM_ANSWERS = 100;
/** A browser that takes nothing for this long holds an upstream's connection for nothing (slow read). */
const STALLED_READER_MS = 60_000;

/**
 * @returns when the answer has been handed over, or could not be finished; the browser's socket is closed then.
 * @throws GatewayError upstream_unreachable | upstream_timeout | payload_too_large, or the refusal that an answer means,
 * while nothing has been answered
 */
export function exchange(parts: Exchange): Promise<ExchangeOutcome> {
  const { request, response, upstream, body } = parts;
  return new Promise((resolve, reject) => {
    const run: Run = {
      address: parts.address,
      controller: undefined,
      traces: undefined,
      mayRetry: isRepeatable(request.method ?? "", body !== undefined),
      isDone: false,
      interimAnswers: 0,
      shortBytes: 0,
      shortBody: undefined,
      settle(outcome) {
        run.isDone = true;
        upstream.balancer.release(run.address);
        upstream.tally[tallied(outcome)]++;
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
    send(parts, run);
  });
}

function send(parts: Exchange, run: Run): void {
  const { request, target, headers, body, onUpgrade } = parts;
  const asked = { path: target, method: request.method ?? "", headers, body: body ?? null };
  const upgrade = onUpgrade === undefined ? {} : { upgrade: "websocket" };
  run.address.pool.dispatch({ ...asked, ...upgrade }, answerHandler(parts, run));
}

/** @returns whether it is sent once more: to another address, or again where only the connection had grown old. */
function isSentAgain(parts: Exchange, run: Run, error: Error): boolean {
  const { balancer, tally } = parts.upstream;
  if (!run.mayRetry) return false;
  const isStale = isStaleConnection(error, run.traces);
  if (!isStale && !isConnectFault(error, run.traces)) return false;
  const other = balancer.takeOther(run.address);
  if (other !== undefined) {
    balancer.release(run.address);
    run.address = other;
  } else if (!isStale) return false;
  run.mayRetry = false;
  run.traces = undefined;
  run.controller = undefined;
  tally.retries++;
  // Later, so that other connections that ended at the same time are known to have ended.
  setImmediate(() => {
    if (!run.isDone) send(parts, run);
  });
  return true;
}

function answerHandler(parts: Exchange, run: Run): TracedHandler {
  const { request, response, refusalOf, answerHead, onUpgrade } = parts;
  const resume = (): void => {
    response.socket?.setTimeout(0);
    run.controller?.resume();
  };
  const handler: TracedHandler = {
    connection: undefined as Connection | undefined,
    onRequestStart(controller) {
      run.controller = controller;
      run.traces = handler.connection?.trace();
      reportConnected(parts, run);
      // It may have left while the request waited for a connection.
      if (run.isDone) controller.abort(new Error("the browser left"));
    },
    onRequestUpgrade(_controller, status, headers, socket) {
      if (run.isDone || onUpgrade === undefined) {
        socket.destroy();
        return;
      }
      reportHealth(parts, run, status);
      onUpgrade(headers, socket);
      run.settle("upgraded");
    },
    onResponseStart(controller, status, headers) {
      if (run.isDone) return;
      if (status < 200) {
        // Each of them starts undici's clock anew: without a bound they hold a request for ever.
        if (++run.interimAnswers > MAX_INTERIM_ANSWERS) controller.abort(new Error("interim answers without end"));
        return;
      }
      reportHealth(parts, run, status);
      const refusal = refusalOf(status, headers);
      if (refusal !== undefined) {
        run.settle(refusal);
        // Its body is for nobody, and may be of any length.
        controller.abort(refusal);
        return;
      }
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
      response.socket?.setTimeout(parts.stalledReaderMs ?? STALLED_READER_MS);
      response.once("drain", resume);
    },
    onResponseEnd() {
      if (run.isDone) return;
      run.settle("complete");
      endAnswer(request, response, run.shortBody, "latin1");
    },
    onResponseError(_controller, error) {
      if (isConnectFault(error, run.traces)) run.address.report(false, error);
      if (run.isDone) return;
      if (!response.headersSent) {
        if (request.socket.destroyed) run.settle("browser left");
        else if (!isSentAgain(parts, run, error)) run.settle(upstreamError(error));
        return;
      }
      run.settle("cut");
      // A clean end would make half an answer look like a whole one.
      response.destroy();
    },
  };
  return handler;
}

/** Its answer may take long: a connection is sign enough, where no answer can be a failure. */
function reportConnected({ upstream }: Exchange, { address }: Run): void {
  if (address.breaker.failures() > 0 && upstream.config.breakerStatuses.length === 0) address.report(true);
}

/** Any answer shows that an address works, but for the statuses that the row counts as failures. */
function reportHealth({ upstream }: Exchange, { address }: Run, status: number): void {
  const { breakerStatuses } = upstream.config;
  const isFailure = breakerStatuses.length > 0 && breakerStatuses.includes(status);
  if (isFailure || address.breaker.failures() > 0) address.report(!isFailure);
}

function tallied(outcome: ExchangeOutcome | GatewayError): UpstreamOutcome {
  if (outcome === "browser left") return "browser_left";
  if (!(outcome instanceof GatewayError)) return outcome;
  if (outcome.code === "payload_too_large") return "body_refused";
  if (outcome.code === "upstream_timeout") return "timeout";
  // Anything else was made of an answer.
  return outcome.code === "upstream_unreachable" ? "unreachable" : "complete";
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
