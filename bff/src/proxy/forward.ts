// /api: which upstream, may this request go there, and then its way there and back.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Context, Next } from "koa";
import type { Config } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { mapMaybePromise, type MaybePromise } from "../lib/maybe-promise.ts";
import { clientAddress } from "../http/client-address.ts";
import { handshakeOf } from "../http/websocket-handshake.ts";
import { isBelow } from "../lib/paths.ts";
import { hasBody, rawPath, requestState, type RequestState } from "../http/request-state.ts";
import { END_REASON_TO_ERROR_CODE } from "../session/end-reasons.ts";
import type { EndReason } from "../store/store.ts";
import { securityHeaderList } from "../http/security-headers.ts";
import type { Log } from "../logging/log.ts";
import type { Authorize, Authorized } from "./authorize.ts";
import { exchange } from "./exchange.ts";
import { requestHeaders, responseHeaders } from "../headers/forwarded-headers.ts";
import type { OpenResponses } from "./open-responses.ts";
import { requestBody } from "./request-body.ts";
import { stepUpDemand } from "./step-up.ts";
import type { WebSocketRequest } from "./websocket/upgrade.ts";
import { isRepeatable } from "../upstream/upstream-errors.ts";
import { findUpstream, upstreamTarget, type Upstream } from "../upstream/upstreams.ts";
import { createUrlMapper } from "../headers/upstream-urls.ts";

export type ForwardingParts = {
  config: Pick<Config, "publicOrigin" | "trustedProxies">;
  upstreams: readonly Upstream[];
  authorize: Authorize;
  openResponses: Pick<OpenResponses, "begin">;
  forwardWebSocket: (asked: WebSocketRequest) => Promise<void>;
  log: Log;
};

type Admitted = {
  ctx: Context;
  request: IncomingMessage;
  response: ServerResponse;
  state: RequestState;
  upstream: Upstream;
};

/** Answers every path under /api and no other. @throws GatewayError */
export function apiForwarding(parts: ForwardingParts) {
  const { config, upstreams, authorize, openResponses, forwardWebSocket, log } = parts;
  const { protocol, host: publicHost } = new URL(config.publicOrigin);
  const publicScheme = protocol.slice(0, -1);
  const securityList = securityHeaderList(config.publicOrigin);
  const mapUrl = createUrlMapper(config.publicOrigin, upstreams);

  const headOf = ({ request, state, upstream }: Admitted, accessToken: string | undefined, isWithBody: boolean) =>
    requestHeaders(request.headers, {
      requestId: state.requestId,
      clientAddress: clientAddress(request, config.trustedProxies),
      publicScheme,
      publicHost,
      prefix: upstream.config.prefix,
      crosses: upstream.requestHeaderCrosses,
      added: upstream.config.headers,
      accessToken,
      contentLength: isWithBody ? request.headers["content-length"] : undefined,
    });

  const forward = (admitted: Admitted, { accessToken, sessionKey }: Authorized): MaybePromise<void> => {
    const { ctx, request, response, state, upstream } = admitted;
    if (response.destroyed || request.socket.destroyed) return;
    const { requestId } = state;
    const isWithBody = hasBody(request);
    const target = upstreamTarget(upstream, request.url ?? "");
    const headers = headOf(admitted, accessToken, isWithBody);
    const responseHead = (status: number, upstreamHeaders: IncomingHttpHeaders): string[] => {
      if (sessionKey !== undefined)
        openResponses.begin({ key: sessionKey, response, onCut: (reason) => noteCut(ctx, reason) }, upstreamHeaders);
      return securityList.concat(
        responseHeaders(upstreamHeaders, { upstream, status, upstreamTarget: target, requestId, mapUrl }),
      );
    };
    const refusalOf = (status: number, upstreamHeaders: IncomingHttpHeaders) =>
      stepUpDemand(status, upstreamHeaders, upstream.config);
    const onCut = (): void => {
      state.code = "upstream_unreachable";
      log.warn("an upstream broke off its answer", { requestId, upstream: upstream.config.prefix });
    };
    const asked = { request, response, upstream, target, headers, refusalOf, responseHead, onCut };
    const handshake = handshakeOf(request);
    if (handshake !== undefined) return forwardWebSocket({ ...asked, handshake, sessionKey, state });
    const free = upstream.balancer.take(isRepeatable(request.method ?? "", isWithBody));
    return mapMaybePromise(free ?? upstream.balancer.wait(response), (address) => {
      if (address === undefined) return;
      if (request.headers.expect !== undefined) response.writeContinue();
      const { maxBodyBytes } = upstream.config;
      const body = isWithBody ? requestBody(request, { maxBodyBytes, waiting: state.waiting }) : undefined;
      return exchange({ ...asked, address, body });
    });
  };

  return function forwardApi(ctx: Context, next: Next): MaybePromise<void> {
    const target = ctx.req.url ?? "";
    if (!isBelow(target, "/api")) return next();
    ctx.respond = false;
    const upstream = findUpstream(upstreams, rawPath(target));
    if (upstream === undefined) throw new GatewayError("not_found", { reason: "no upstream for this path" });
    requestState(ctx).upstream = upstream.config.prefix;
    if (!upstream.methods.has(ctx.req.method ?? ""))
      throw new GatewayError("method_not_allowed", { allow: upstream.config.methods, reason: "not for this upstream" });
    if (!upstream.config.webSocket && handshakeOf(ctx.req) !== undefined)
      throw new GatewayError("request_malformed", { reason: "this upstream's row does not say webSocket" });
    if (Number(ctx.req.headers["content-length"] ?? 0) > upstream.config.maxBodyBytes)
      throw new GatewayError("payload_too_large", { reason: "Content-Length above the upstream's limit" });
    const admitted = { ctx, request: ctx.req, response: ctx.res, state: requestState(ctx), upstream };
    return mapMaybePromise(authorize(ctx.req, upstream.config, admitted.state), (authorized) =>
      forward(admitted, authorized),
    );
  };
}

/** For the log's line: the browser did not leave, it was put out. */
function noteCut(ctx: Context, reason: EndReason): void {
  const state = requestState(ctx);
  state.code = END_REASON_TO_ERROR_CODE[reason];
  state.reason = `the session ended while its answer was open: ${reason}`;
}
