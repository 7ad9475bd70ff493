// One request to an upstream and its answer, streamed both ways. What is begun is either finished or visibly cut.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Duplex, Readable } from "node:stream";
import type { Dispatcher } from "undici";
import type { GatewayError } from "../errors.ts";
import { endAnswer, isUploading } from "../http/early-response.ts";
import type { Address } from "../upstream/upstream-server.ts";
import type { Connection, TracedHandler, Traces } from "../upstream/connection.ts";
import { flushSoon } from "../http/flush-headers.ts";
import type { UpstreamOutcome } from "../upstream/upstream-stats.ts";
import {
  isConnectFault,
  isRepeatable,
  isStaleConnection,
  outcomeOf,
  upstreamError,
} from "../upstream/upstream-errors.ts";
import type { Upstream } from "../upstream/upstreams.ts";

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
  responseHead: (status: number, headers: IncomingHttpHeaders) => string[];
  /** The upstream broke off an answer that had begun. */
  onCut: () => void;
  /** See STALLED_READER_MS, which it is where it is not given. */
  stalledReaderMs?: number;
  /** Asks for a WebSocket, and gets the head and the socket where the upstream agrees; nothing is answered then. */
  onUpgrade?: (headers: IncomingHttpHeaders, socket: Duplex) => void;
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

/** One for all: Node's streams format the stack of each error, a tenth of what 2,000 closed connections cost at once. */
const BROWSER_LEFT = new Error("the browser left");

/**
 * @returns when the answer's head has been handed over, so that an open stream keeps nothing alive but itself
 * @throws GatewayError upstream_unreachable | upstream_timeout | payload_too_large, or the refusal that an answer means,
 * while nothing has been answered
 */
export function exchange(parts: Exchange): Promise<void> {
  return new Promise((resolve, reject) => {
    new Run({ parts, resolve, reject }).send();
  });
}

type Asked = {
  parts: Exchange;
  resolve: () => void;
  reject: (error: GatewayError) => void;
};

/**
 * One exchange, as undici tells of it. A class, for methods are made once: as functions of each request they take a
 * kilobyte of every idle stream.
 */
class Run implements TracedHandler {
  connection: Connection | undefined = undefined;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #upstream: Upstream;
  readonly #body: Readable | undefined;
  readonly #stalledReaderMs: number;
  readonly #onCut: () => void;
  /** Undefined once it is answered: nothing of it is kept as long as a stream is open. */
  #asked: Asked | undefined;
  #address: Address;
  #controller: Dispatcher.DispatchController | undefined = undefined;
  /** Of the connection that the request was sent on; undefined: not sent yet, or answered. */
  #traces: Traces | undefined = undefined;
  /** Whether it may still be sent once more. */
  #mayRetry: boolean;
  #isDone = false;
  #interimAnswers = 0;
  /** Length of a body that may be held back until it is complete, in bytes; 0: hold nothing back. */
  #shortBytes = 0;
  /** A whole short body, one character for each byte. */
  #shortBody: string | undefined = undefined;

  constructor(asked: Asked) {
    const { parts } = asked;
    this.#request = parts.request;
    this.#response = parts.response;
    this.#upstream = parts.upstream;
    this.#body = parts.body;
    this.#stalledReaderMs = parts.stalledReaderMs ?? STALLED_READER_MS;
    this.#onCut = parts.onCut;
    this.#asked = asked;
    this.#address = parts.address;
    this.#mayRetry = isRepeatable(parts.request.method ?? "", parts.body !== undefined);
    // Not `once`, which makes three objects more: a response closes once.
    this.#response.on("close", () => this.#leave());
  }

  send(): void {
    if (this.#asked === undefined) return;
    const { request, target, headers, body, onUpgrade } = this.#asked.parts;
    const asked = { path: target, method: request.method ?? "", headers, body: body ?? null };
    this.#address.pool.dispatch(onUpgrade === undefined ? asked : { ...asked, upgrade: "websocket" }, this);
  }

  #leave(): void {
    if (this.#isDone) return;
    this.#settle("browser_left");
    this.#controller?.abort(BROWSER_LEFT);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#traces = this.connection?.trace();
    reportConnected(this.#upstream, this.#address);
    // It may have left while the request waited for a connection.
    if (this.#isDone) controller.abort(BROWSER_LEFT);
  }

  onRequestUpgrade(_controller: unknown, status: number, headers: IncomingHttpHeaders, socket: Duplex): void {
    const onUpgrade = this.#asked?.parts.onUpgrade;
    if (this.#isDone || onUpgrade === undefined) {
      socket.destroy();
      return;
    }
    reportHealth(this.#upstream, this.#address, status);
    onUpgrade(headers, socket);
    this.#settle("upgraded");
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    const asked = this.#asked;
    if (this.#isDone || asked === undefined) return;
    if (status < 200) {
      // Each of them starts undici's clock anew: without a bound they hold a request for ever.
      if (++this.#interimAnswers > MAX_INTERIM_ANSWERS) controller.abort(new Error("interim answers without end"));
      return;
    }
    // Parts of the piece in which the head came: undici keeps all of it as long as the response lasts.
    controller.rawHeaders = null;
    reportHealth(this.#upstream, this.#address, status);
    const refusal = asked.parts.refusalOf(status, headers);
    if (refusal !== undefined) {
      this.#refuse(refusal);
      // Its body is for nobody, and may be of any length.
      controller.abort(refusal);
      return;
    }
    const response = this.#response;
    const head = asked.parts.responseHead(status, headers);
    if (isUploading(this.#request)) head.push("Connection", "close");
    response.writeHead(status, head);
    const length = headers["content-length"];
    if (length === undefined) flushSoon(response);
    else if (Number(length) <= SHORT_BYTES) this.#shortBytes = Number(length);
    this.#asked = undefined;
    this.#traces = undefined;
    asked.resolve();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isDone) return;
    const response = this.#response;
    if (chunk.length === this.#shortBytes) {
      this.#shortBody = chunk.toString("latin1");
      return;
    }
    if (response.write(chunk)) return;
    controller.pause();
    response.socket?.setTimeout(this.#stalledReaderMs);
    response.once("drain", () => {
      response.socket?.setTimeout(0);
      controller.resume();
    });
  }

  onResponseEnd(): void {
    if (this.#isDone) return;
    this.#settle("complete");
    endAnswer(this.#request, this.#response, this.#shortBody, "latin1");
  }

  onResponseError(_controller: unknown, error: Error): void {
    const isAnswered = this.#response.headersSent;
    if (!isAnswered && isConnectFault(error, this.#traces)) this.#address.report(false, error);
    if (this.#isDone) return;
    if (!isAnswered) {
      if (this.#request.socket.destroyed) this.#settle("browser_left");
      else if (!this.#isSentAgain(error)) this.#refuse(upstreamError(error));
      return;
    }
    this.#settle("cut");
    this.#onCut();
    // A clean end would make half an answer look like a whole one.
    this.#response.destroy();
  }

  /** @returns whether it is sent once more: to another address, or again where only the connection had grown old. */
  #isSentAgain(error: Error): boolean {
    const { balancer, tally } = this.#upstream;
    if (!this.#mayRetry) return false;
    const isStale = isStaleConnection(error, this.#traces);
    if (!isStale && !isConnectFault(error, this.#traces)) return false;
    const other = balancer.takeOther(this.#address);
    if (other !== undefined) {
      balancer.release(this.#address);
      this.#address = other;
    } else if (!isStale) return false;
    this.#mayRetry = false;
    this.#traces = undefined;
    this.#controller = undefined;
    tally.retries++;
    // Later, so that other connections that ended at the same time are known to have ended.
    setImmediate(() => {
      if (!this.#isDone) this.send();
    });
    return true;
  }

  #refuse(error: GatewayError): void {
    this.#asked?.reject(error);
    this.#settle(outcomeOf(error));
  }

  #settle(outcome: UpstreamOutcome): void {
    this.#isDone = true;
    this.#asked?.resolve();
    this.#asked = undefined;
    this.#upstream.balancer.release(this.#address);
    this.#upstream.tally[outcome]++;
    this.#body?.destroy();
  }
}

/** Its answer may take long: a connection is sign enough, where no answer can be a failure. */
function reportConnected(upstream: Upstream, address: Address): void {
  if (address.breaker.failures() > 0 && upstream.config.breakerStatuses.length === 0) address.report(true);
}

/** Any answer shows that an address works, but for the statuses that the row counts as failures. */
function reportHealth(upstream: Upstream, address: Address, status: number): void {
  const { breakerStatuses } = upstream.config;
  const isFailure = breakerStatuses.length > 0 && breakerStatuses.includes(status);
  if (isFailure || address.breaker.failures() > 0) address.report(!isFailure);
}
