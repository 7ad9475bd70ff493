// Reverse proxy for upstream rows: finds the upstream, authorizes the request, forwards it and its response.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Context, Next } from "koa";
import type { Config } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { mapMaybePromise, type MaybePromise } from "../lib/maybe-promise.ts";
import { isDocument } from "../http/fetch-metadata.ts";
import { clientAddress } from "../http/client-address.ts";
import { handshakeOf } from "../http/websocket-handshake.ts";
import { hasBody, requestState, type RequestState } from "../http/request-state.ts";
import { renderedPageHeaders, securityHeaderList } from "../http/security-headers.ts";
import type { Log } from "../logging/log.ts";
import { createAdmission } from "./admission.ts";
import type { Authorize, Authorized } from "./authorize.ts";
import { exchange } from "./exchange.ts";
import type { ExchangeProof } from "./exchange-proof.ts";
import type { RenewedRequest } from "./exchange-request.ts";
import { requestHeaders, responseHeaders } from "../headers/forwarded-headers.ts";
import { pageDefaults } from "../headers/page-headers.ts";
import type { DpopProofs } from "../provider/dpop-proof.ts";
import type { OpenResponses } from "./open-responses.ts";
import { createBodyCopy, requestBody, type BodyCopy } from "./request-body.ts";
import { stepUpDemand } from "./step-up.ts";
import type { WebSocketRequest } from "./websocket/upgrade.ts";
import { isRepeatable } from "../upstream/upstream-errors.ts";
import { upstreamTarget, type Upstream } from "../upstream/upstreams.ts";
import { createUrlMapper } from "../headers/upstream-urls.ts";

export type ForwardingDependencies = {
  config: Pick<Config, "publicOrigin" | "trustedProxies" | "transportSecurity" | "pagePolicy">;
  upstreams: readonly Upstream[];
  authorize: Authorize;
  dpopProofs: DpopProofs;
  openResponses: Pick<OpenResponses, "add">;
  forwardWebSocket: (request: WebSocketRequest) => Promise<void>;
  log: Log;
};

type ForwardedRequest = {
  request: IncomingMessage;
  response: ServerResponse;
  state: RequestState;
  upstream: Upstream;
};

/** Middleware that forwards every request of an upstream row. @throws GatewayError */
// oxlint-disable-next-line max-lines-per-function -- a factory: its functions share state and are short
export function forward(dependencies: ForwardingDependencies) {
  const { config, upstreams, authorize, dpopProofs, openResponses, forwardWebSocket, log } = dependencies;
  const admit = createAdmission(upstreams);
  const { protocol, host: publicHost } = new URL(config.publicOrigin);
  const publicScheme = protocol.slice(0, -1);
  const securityList = securityHeaderList(config);
  const pageList = renderedPageHeaders(config);
  const mapUrl = createUrlMapper(config.publicOrigin, upstreams);

  const upstreamHeaders = (
    { request, state, upstream }: ForwardedRequest,
    { accessToken, proofKey, client, identity }: Authorized,
    isWithBody: boolean,
  ) =>
    requestHeaders(request.headers, {
      requestId: state.requestId,
      clientAddress: clientAddress(request, config.trustedProxies),
      publicScheme,
      publicHost,
      prefix: upstream.config.prefix,
      isForwarded: upstream.isRequestHeaderForwarded,
      added: upstream.config.headers,
      identity: upstream.identityHeadersOf(identity?.claims),
      accessToken,
      tokenScheme: client?.scheme ?? (proofKey === undefined ? "Bearer" : "DPoP"),
      proof: client?.proof,
      contentLength: isWithBody ? request.headers["content-length"] : undefined,
      pagesOf: isPages(upstream) ? config.publicOrigin : undefined,
    });

  /** The request with another access token than `rejected`. @throws GatewayError if it is no longer authorized */
  const renewRequest = async (forwarded: ForwardedRequest, rejected: string): Promise<RenewedRequest | undefined> => {
    const { request, upstream } = forwarded;
    try {
      const authorized = await authorize(request, upstream.config, undefined, rejected);
      if (authorized.accessToken === undefined || authorized.accessToken === rejected) return undefined;
      const dpop = exchangeProof(authorized, dpopProofs, undefined);
      return { headers: upstreamHeaders(forwarded, authorized, false), dpop };
    } catch (error) {
      // An outage: the response of the upstream says more than a 503, and a retry would not cause another renewal.
      if (error instanceof GatewayError && error.status >= 500) return undefined;
      throw error;
    }
  };

  /** @returns a function that makes the head of the browser's response and registers the response as open */
  const responseHeadOf = (
    { request, response, state, upstream }: ForwardedRequest,
    { sessionKey, client }: Authorized,
    target: string,
  ) => {
    const { requestId } = state;
    const token = client && { request, upstream: upstream.config, validUntilMs: client.validUntilMs };
    return (status: number, received: IncomingHttpHeaders): string[] => {
      if (sessionKey !== undefined || token !== undefined)
        openResponses.add({ sessionKey, token, response, onCut: (cut) => void Object.assign(state, cut) }, received);
      const limits = state.rateLimit ?? [];
      const isAnonymous = sessionKey === undefined && client === undefined;
      const isPersonalDocument = !isAnonymous && isDocument(request);
      const context = { upstream, status, upstreamTarget: target, requestId, mapUrl, isPersonalDocument };
      if (!isPages(upstream)) return securityList.concat(limits, responseHeaders(received, context));
      const input = { ...context, pages: { isAnonymous } };
      return [...pageDefaults(pageList, received), ...limits, ...responseHeaders(received, input)];
    };
  };

  const forwardAuthorized = (forwarded: ForwardedRequest, authorized: Authorized): MaybePromise<void> => {
    const { sessionKey, accessToken, client } = authorized;
    const { request, response, state, upstream } = forwarded;
    if (response.destroyed || request.socket.destroyed) return;
    const isWithBody = hasBody(request);
    const target = upstreamTarget(upstream, request.url ?? "");
    const headers = upstreamHeaders(forwarded, authorized, isWithBody);
    // A client with its own token is addressed by the upstream's challenge, and cannot log in.
    const errorFor = (status: number, received: IncomingHttpHeaders) =>
      client === undefined ? stepUpDemand(status, received, upstream.config) : undefined;
    const onCut = (): void => {
      state.code = "upstream_unreachable";
      log.warn("upstream aborted its response", { requestId: state.requestId, upstream: upstream.config.prefix });
    };
    const bodyCopy = authorized.proofKey !== undefined && isWithBody ? createBodyCopy() : undefined;
    const dpop = exchangeProof(authorized, dpopProofs, bodyCopy);
    const mayRenew = client === undefined && accessToken !== undefined && upstream.config.refreshOn401;
    const renewed = mayRenew ? () => renewRequest(forwarded, accessToken) : undefined;
    const exchangeFields = {
      request,
      response,
      upstream,
      target,
      headers,
      dpop,
      renewed,
      errorFor,
      responseHead: responseHeadOf(forwarded, authorized, target),
      onCut,
    };
    const handshake = handshakeOf(request);
    if (handshake !== undefined) return forwardWebSocket({ ...exchangeFields, handshake, sessionKey, client, state });
    const free = upstream.balancer.acquire(isRepeatable(request.method ?? "", isWithBody));
    return mapMaybePromise(free ?? upstream.balancer.acquireWhenFree(response), (server) => {
      if (server === undefined) return;
      if (request.headers.expect !== undefined) response.writeContinue();
      const { maxBodyBytes } = upstream.config;
      const body = isWithBody
        ? requestBody(request, { maxBodyBytes, waiting: state.waiting, copy: bodyCopy })
        : undefined;
      return exchange({ ...exchangeFields, server, body });
    });
  };

  return function forward(ctx: Context, next: Next): MaybePromise<void> {
    const { route } = requestState(ctx);
    if (route.kind !== "upstream") return next();
    ctx.respond = false;
    const upstream = admit(ctx.req, requestState(ctx));
    const forwarded = { request: ctx.req, response: ctx.res, state: requestState(ctx), upstream };
    return mapMaybePromise(authorize(ctx.req, upstream.config, forwarded.state), (authorized) =>
      forwardAuthorized(forwarded, authorized),
    );
  };
}

/** Whether the row serves the app's pages. */
function isPages({ config }: Upstream): boolean {
  return config.csrf === "same-origin";
}

/** @returns undefined for a bearer token */
function exchangeProof(
  { accessToken, proofKey }: Authorized,
  proofs: DpopProofs,
  bodyCopy: BodyCopy | undefined,
): ExchangeProof | undefined {
  if (accessToken === undefined || proofKey === undefined) return undefined;
  return { key: proofKey, accessToken, proofs, bodyCopy: () => bodyCopy?.whole() };
}
