// Admission of a request to an upstream row: what needs no session. For requests that are forwarded and for those that a
// forward-auth call describes.
import type { IncomingMessage } from "node:http";
import { GatewayError } from "../errors.ts";
import type { RequestState } from "../http/request-state.ts";
import { handshakeOf } from "../http/websocket-handshake.ts";
import type { Upstream } from "../upstream/upstreams.ts";

export function createAdmission(upstreams: readonly Upstream[]) {
  const upstreamOf = new Map(upstreams.map((upstream) => [upstream.config, upstream]));
  /** @throws GatewayError not_found | method_not_allowed | request_malformed | payload_too_large */
  return function admit(request: IncomingMessage, state: RequestState): Upstream {
    const { row } = state.route;
    const upstream = row && upstreamOf.get(row);
    if (upstream === undefined) throw new GatewayError("not_found", { reason: "no upstream for this path" });
    state.upstream = upstream.config.prefix;
    if (!upstream.methods.has(request.method ?? ""))
      throw new GatewayError("method_not_allowed", {
        allow: upstream.config.methods,
        reason: "the method is not in the row's methods",
      });
    if (!upstream.config.webSocket && handshakeOf(request) !== undefined)
      throw new GatewayError("request_malformed", { reason: "webSocket is not enabled for this upstream" });
    if (Number(request.headers["content-length"] ?? 0) > upstream.config.maxBodyBytes)
      throw new GatewayError("payload_too_large", { reason: "Content-Length above the upstream's limit" });
    return upstream;
  };
}
