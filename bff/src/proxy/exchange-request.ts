// What an exchange with an upstream server is given.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Duplex, Readable } from "node:stream";
import type { GatewayError } from "../errors.ts";
import type { UpstreamServer } from "../upstream/upstream-server.ts";
import type { Upstream } from "../upstream/upstreams.ts";
import type { ExchangeProof } from "./exchange-proof.ts";

export type Exchange = {
  request: IncomingMessage;
  response: ServerResponse;
  upstream: Upstream;
  /** Acquired from the balancer; the exchange releases it. */
  server: UpstreamServer;
  /** Path and query of the upstream request. */
  target: string;
  headers: string[];
  body: Readable | undefined;
  /** Set if the access token is bound to a key (RFC 9449): every attempt carries a proof of its own. */
  dpop?: ExchangeProof | undefined;
  /**
   * Called once, after a response that rejects the access token. @returns the request with another token; undefined if there
   * is none: the response is forwarded. @throws GatewayError to send instead
   */
  renewed?: (() => Promise<RenewedRequest | undefined>) | undefined;
  /** @returns the error to send instead of this upstream response; undefined: the response is forwarded */
  errorFor: (status: number, headers: IncomingHttpHeaders) => GatewayError | undefined;
  /** The response head for the browser, as a flat list of names and values. */
  responseHead: (status: number, headers: IncomingHttpHeaders) => string[];
  /** The upstream aborted its response after the head. */
  onCut: () => void;
  /** Default: STALLED_READER_MS. */
  stalledReaderMs?: number;
  /** Requests a WebSocket upgrade. Called with the head of a 101 and its socket; no response is sent then. */
  onUpgrade?: (headers: IncomingHttpHeaders, socket: Duplex) => void;
};

export type RenewedRequest = Pick<Exchange, "headers" | "dpop">;

/** An exchange whose response head has not been sent. */
export type PendingExchange = {
  options: Exchange;
  resolve: () => void;
  reject: (error: GatewayError) => void;
};
