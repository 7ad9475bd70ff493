// Exchange: sends one request to an upstream server and streams its response. A response is either complete or visibly
// aborted.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Duplex, Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { GatewayError } from "../errors.ts";
import { endResponse, isUploading } from "../http/early-response.ts";
import { isNonceChallenge } from "../provider/dpop-proof.ts";
import { rejectsToken } from "./challenge.ts";
import { NonceRepeat, nonceError } from "./exchange-proof.ts";
import type { Exchange, PendingExchange, RenewedRequest } from "./exchange-request.ts";
import { HeldResponse } from "./held-response.ts";
import type { UpstreamServer } from "../upstream/upstream-server.ts";
import type { Connection, TracedHandler, ConnectionTrace } from "../upstream/connection.ts";
import { flushHeadersOnNextTick } from "../http/flush-headers.ts";
import { writeChunk } from "../http/write-chunk.ts";
import { reportConnected, reportHealth, serverForRetry } from "../upstream/attempts.ts";
import type { UpstreamOutcome } from "../upstream/upstream-stats.ts";
import { isConnectError, isRepeatable, outcomeOf, upstreamError } from "../upstream/upstream-errors.ts";
import type { Upstream } from "../upstream/upstreams.ts";

/**
 * A body of at most this many bytes that arrives in one chunk is sent together with its head as one latin1 string, which
 * saves Node a second write. latin1 maps each byte to one character.
 */
const SHORT_BYTES = 16_384;
/** Interim (1xx) responses are not forwarded; upstreams send a few of them during long operations. */
const MAX_INTERIM_RESPONSES = 100;
/** A browser that reads nothing for this time is disconnected, since it blocks an upstream connection (slow read). */
const STALLED_READER_MS = 60_000;

/** Shared: an Error per aborted request would format its stack, 10 % of the cost of closing 2,000 connections at once. */
const REPEATED = new Error("repeated with another DPoP nonce or access token");
const BROWSER_GONE = new Error("the browser left");

/**
 * Resolves when the response head has been sent, so that an open stream keeps no middleware state alive.
 * @throws GatewayError upstream_unreachable | upstream_timeout | payload_too_large, or the result of `errorFor`; only
 * before the response head has been sent
 */
export function exchange(options: Exchange): Promise<void> {
  return new Promise((resolve, reject) => {
    new ExchangeHandler({ options, resolve, reject }).send();
  });
}

/**
 * undici handler of one exchange. A class, since closures per request would take 1 kB of memory of every idle stream.
 */
class ExchangeHandler implements TracedHandler {
  connection: Connection | undefined = undefined;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #upstream: Upstream;
  readonly #body: Readable | undefined;
  readonly #stalledReaderMs: number;
  readonly #onCut: () => void;
  /** Cleared once the response head is sent, so that an open stream does not keep it alive. */
  #pending: PendingExchange | undefined;
  #server: UpstreamServer;
  #controller: Dispatcher.DispatchController | undefined = undefined;
  /** Undefined before the request is sent and after the response head has been received. */
  #trace: ConnectionTrace | undefined = undefined;
  /** A request is retried once at most. */
  #mayRetry: boolean;
  #isDone = false;
  /** One for each access token. Undefined for bearer tokens. */
  #nonceRepeat: NonceRepeat | undefined;
  /** The response was aborted, in order to repeat the request. */
  #isRepeating = false;
  #held: HeldResponse | undefined = undefined;
  #interimResponses = 0;
  /** Content-Length of a body that is sent with its head as one string; 0: the body is streamed. */
  #shortBytes = 0;
  /** The complete short body as latin1. */
  #shortBody: string | undefined = undefined;

  constructor(pending: PendingExchange) {
    const { options } = pending;
    this.#request = options.request;
    this.#response = options.response;
    this.#upstream = options.upstream;
    this.#body = options.body;
    this.#stalledReaderMs = options.stalledReaderMs ?? STALLED_READER_MS;
    this.#onCut = options.onCut;
    this.#pending = pending;
    this.#server = options.server;
    this.#nonceRepeat = options.dpop && new NonceRepeat();
    this.#mayRetry = isRepeatable(options.request.method ?? "", options.body !== undefined);
    // `on` allocates less than `once`; a response emits "close" once.
    this.#response.on("close", () => this.#onBrowserGone());
  }

  send(): void {
    if (this.#pending === undefined) return;
    const { request, target, headers, dpop } = this.#pending.options;
    if (dpop === undefined) return this.#dispatch(headers);
    const { origin } = this.#server;
    const method = request.method ?? "";
    dpop.proofs.proofFor({ ...dpop, method, origin, target }).then(
      (proof) => {
        if (!this.#isDone) this.#dispatch([...headers, "dpop", proof]);
      },
      (error: unknown) =>
        this.#reject(new GatewayError("internal", { cause: error, reason: "signing the DPoP proof failed" })),
    );
  }

  #dispatch(headers: string[]): void {
    if (this.#pending === undefined) return;
    const { request, target, body, onUpgrade } = this.#pending.options;
    const sentBody = this.#nonceRepeat?.body ?? body ?? null;
    const dispatchOptions = { path: target, method: request.method ?? "", headers, body: sentBody };
    this.#server.pool.dispatch(
      onUpgrade === undefined ? dispatchOptions : { ...dispatchOptions, upgrade: "websocket" },
      this,
    );
  }

  #onBrowserGone(): void {
    if (this.#isDone) return;
    this.#settle("browser_left");
    this.#controller?.abort(BROWSER_GONE);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#trace = this.connection?.startTrace();
    reportConnected(this.#upstream, this.#server);
    // The browser may have left while the request was queued.
    if (this.#isDone) controller.abort(BROWSER_GONE);
  }

  onRequestUpgrade(_controller: unknown, status: number, headers: IncomingHttpHeaders, socket: Duplex): void {
    const onUpgrade = this.#pending?.options.onUpgrade;
    if (this.#isDone || onUpgrade === undefined) {
      socket.destroy();
      return;
    }
    reportHealth(this.#upstream, this.#server, status);
    onUpgrade(headers, socket);
    this.#settle("upgraded");
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    const pending = this.#pending;
    if (this.#isDone || pending === undefined) return;
    if (status < 200) {
      // Each interim response restarts undici's headers timeout: without a limit a request could stay open forever.
      if (++this.#interimResponses > MAX_INTERIM_RESPONSES) controller.abort(new Error("too many interim responses"));
      return;
    }
    // They are slices of the chunk that contained the head, which undici would keep alive until the response ends.
    controller.rawHeaders = null;
    reportHealth(this.#upstream, this.#server, status);
    const { dpop, renewed } = pending.options;
    if (dpop !== undefined) dpop.proofs.rememberNonce(this.#server.origin, headers["dpop-nonce"]);
    if (renewed !== undefined && rejectsToken(status, headers)) {
      pending.options = { ...pending.options, renewed: undefined };
      if (this.#renew(renewed, new HeldResponse(status, headers))) return;
    }
    this.#respond(controller, status, headers);
  }

  #respond(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    const { dpop } = pending.options;
    const isRejectedNonce = dpop !== undefined && isNonceChallenge(status, headers["www-authenticate"]);
    if (isRejectedNonce && this.#nonceRepeat?.prepare(dpop, this.#body !== undefined) === true) {
      this.#repeat(controller);
      return;
    }
    const error = isRejectedNonce
      ? nonceError(this.#nonceRepeat?.isUsed === true)
      : pending.options.errorFor(status, headers);
    if (error !== undefined) {
      this.#reject(error);
      // The body is not forwarded and may have any length.
      controller.abort(error);
      return;
    }
    const response = this.#response;
    const head = pending.options.responseHead(status, headers);
    if (isUploading(this.#request)) head.push("Connection", "close");
    response.writeHead(status, head);
    const length = headers["content-length"];
    if (length === undefined) flushHeadersOnNextTick(response);
    else if (Number(length) <= SHORT_BYTES) this.#shortBytes = Number(length);
    this.#pending = undefined;
    this.#trace = undefined;
    pending.resolve();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isDone) return;
    if (this.#held !== undefined) this.#held.add(controller, chunk);
    else if (chunk.length === this.#shortBytes) this.#shortBody = chunk.toString("latin1");
    else writeChunk(this.#response, chunk, controller, this.#stalledReaderMs);
  }

  onResponseEnd(): void {
    if (this.#isDone) return;
    if (this.#held !== undefined) return this.#held.ended("complete");
    this.#settle("complete");
    endResponse(this.#request, this.#response, this.#shortBody, "latin1");
  }

  onResponseError(_controller: unknown, error: Error): void {
    const hasResponded = this.#response.headersSent;
    if (!hasResponded && isConnectError(error, this.#trace)) this.#server.report(false, error);
    if (this.#isDone) return;
    if (this.#held !== undefined) return this.#held.ended(error);
    if (this.#isRepeating) {
      this.#isRepeating = false;
      this.#sendAgain();
      return;
    }
    if (!hasResponded) {
      if (this.#request.socket.destroyed) this.#settle("browser_left");
      else if (!this.#retry(error)) this.#reject(upstreamError(error));
      return;
    }
    this.#settle("cut");
    this.#onCut();
    // Destroyed, not ended: a partial response must not look complete.
    this.#response.destroy();
  }

  /** @returns whether the request is retried */
  #retry(error: Error): boolean {
    if (!this.#mayRetry) return false;
    const server = serverForRetry(this.#upstream, this.#server, error, this.#trace);
    if (server === undefined) return false;
    this.#server = server;
    this.#mayRetry = false;
    this.#sendAgain();
    return true;
  }

  /** @returns whether the response is held back until another access token is there, or known not to be */
  #renew(renewed: NonNullable<Exchange["renewed"]>, held: HeldResponse): boolean {
    const renewing = renewed();
    if (!isRepeatable(this.#request.method ?? "", this.#body !== undefined)) {
      // Not repeated, but the next request has another token.
      renewing.catch(() => undefined);
      return false;
    }
    this.#held = held;
    renewing.then(
      (request) => this.#release(held, request),
      (error: GatewayError) => {
        if (this.#isDone) return;
        this.#reject(error);
        this.#controller?.abort(error);
      },
    );
    return true;
  }

  /** Repeats the request with another access token, or forwards the response that rejected the first one. */
  #release(held: HeldResponse, request: RenewedRequest | undefined): void {
    const [pending, controller] = [this.#pending, this.#controller];
    if (pending === undefined || controller === undefined) return;
    this.#held = undefined;
    if (request !== undefined) {
      pending.options = { ...pending.options, ...request };
      this.#nonceRepeat = request.dpop && new NonceRepeat();
      if (held.end === undefined) this.#repeat(controller);
      else this.#sendAgain();
      return;
    }
    this.#respond(controller, held.status, held.headers);
    held.replay(this, controller);
    // Otherwise the browser resumes it, by reading.
    if (held.end === undefined && !this.#response.writableNeedDrain) controller.resume();
  }

  #repeat(controller: Dispatcher.DispatchController): void {
    this.#isRepeating = true;
    controller.abort(REPEATED);
  }

  #sendAgain(): void {
    this.#trace = undefined;
    this.#controller = undefined;
    this.#upstream.stats.retries++;
    // In a later turn: connections that closed at the same time have then left the pool.
    setImmediate(() => {
      if (!this.#isDone) this.send();
    });
  }

  #reject(error: GatewayError): void {
    this.#pending?.reject(error);
    this.#settle(outcomeOf(error));
  }

  #settle(outcome: UpstreamOutcome): void {
    this.#isDone = true;
    this.#pending?.resolve();
    this.#pending = undefined;
    this.#upstream.balancer.release(this.#server);
    this.#upstream.stats[outcome]++;
    this.#body?.destroy();
  }
}
