// The decision about a described request: the rules of forwarding, from the same functions, without forwarding.
import type { Pages } from "../../http/pages.ts";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Context } from "koa";
import type { Config } from "../../config/config.ts";
import type { ForwardAuthProxy } from "../../config/forward-auth-settings.ts";
import { GatewayError } from "../../errors.ts";
import { requireSameOrigin } from "../../http/csrf.ts";
import type { WaitingQuotas } from "../../http/load-shedding.ts";
import { inspectNavigation, markerOfRefresh, type Marker } from "../../http/page-navigation.ts";
import type { RequestState } from "../../http/request-state.ts";
import { createInspection, rejectionError } from "../../http/request-validation.ts";
import type { RouteTable } from "../../http/route-table.ts";
import { describeHandshake } from "../../http/websocket-handshake.ts";
import { mapMaybePromise, type MaybePromise } from "../../lib/maybe-promise.ts";
import type { Metrics } from "../../metrics/metrics.ts";
import type { Upstream } from "../../upstream/upstreams.ts";
import { createAdmission } from "../admission.ts";
import type { Authorize } from "../authorize.ts";
import { createAllowHeaders } from "./allow-headers.ts";
import { misspelledHeaderFinder } from "./misspelled-headers.ts";

export type DecisionDependencies = {
  config: Pick<Config, "publicOrigin" | "transportSecurity">;
  routes: RouteTable;
  upstreams: readonly Upstream[];
  authorize: Authorize;
  quotas: Pick<WaitingQuotas, "acquire" | "release">;
  metrics: Pick<Metrics, "csrfRejected">;
  /** For the refresh page. */
  pages: Pick<Pages, "refresh">;
};

/** The browser withholds the session cookie from this navigation: it receives the refresh page; see http/page-navigation.ts. */
export class RefreshNeeded extends Error {
  override readonly name = "RefreshNeeded";
  readonly marker: Marker;

  constructor(marker: Marker) {
    super("the browser withholds the session cookie");
    this.marker = marker;
  }
}

/** @returns the headers of the allow response. @throws GatewayError, RefreshNeeded if the proxy must not forward the request */
export type Decide = (
  request: IncomingMessage,
  response: ServerResponse,
  state: RequestState,
) => MaybePromise<readonly string[]>;

export function createDecision(dependencies: DecisionDependencies, proxy: ForwardAuthProxy): Decide {
  const { config, upstreams, authorize, quotas, metrics } = dependencies;
  const { publicOrigin } = config;
  // The proxy in front normalizes paths when it selects a location, so any path could be read as one of a row (I6).
  const routes = { ...dependencies.routes, isStrict: () => true };
  const { inspect, cookiesAfter } = createInspection({ publicOrigin, routes });
  const admit = createAdmission(upstreams);
  const { headersFor, names } = createAllowHeaders(upstreams, proxy);
  const findMisspelled = misspelledHeaderFinder(names);

  const check = (request: IncomingMessage, response: ServerResponse, state: RequestState): Upstream => {
    markHandshake(request);
    const rejection = inspect(request, state.route);
    if (rejection !== undefined) {
      if (rejection.event !== undefined) state.securityEvent = rejection.event;
      const lines = cookiesAfter(request, rejection);
      // auth_request_set can hold one line; repeated requests get the others, because the first one is chosen at random.
      if (lines.length > 0) response.setHeader("Set-Cookie", proxy === "nginx" ? lines.slice(0, 1) : lines);
      throw rejectionError(rejection);
    }
    const misspelled = findMisspelled(request.headers);
    if (misspelled !== undefined)
      throw new GatewayError("request_malformed", {
        reason: `some upstreams would read the header ${misspelled} under another name`,
      });
    requireSameOrigin(request, state, { publicOrigin, metrics });
    const upstream = admit(request, state);
    const navigation = inspectNavigation(request, state.route.row, publicOrigin);
    if (navigation?.action === "refresh") throw new RefreshNeeded(markerOfRefresh(navigation.marker));
    return upstream;
  };
  const authorizeFor: Decide = (request, response, state) => {
    const upstream = check(request, response, state);
    return mapMaybePromise(authorize(request, upstream.config, state), (authorized) => {
      // Rejected at startup; a session from before a change of the setting can still have such a token.
      if (authorized.proofKey !== undefined)
        throw new GatewayError("internal", { reason: "the access token is bound to a key of the gateway" });
      return headersFor(upstream, authorized, { request, requestId: state.requestId });
    });
  };

  return function decide(request, response, state) {
    const node = quotas.acquire({ req: request, res: response, state } as unknown as Context);
    const release = (): void => quotas.release(node);
    try {
      const decided = authorizeFor(request, response, state);
      if (decided instanceof Promise) return decided.finally(release);
      release();
      return decided;
    } catch (error) {
      release();
      throw error;
    }
  };
}

/** Traefik removes Upgrade from its call. A page cannot set Sec-WebSocket-Key, other than by opening a WebSocket. */
function markHandshake(request: IncomingMessage): void {
  const { headers } = request;
  if (headers.upgrade === undefined && headers["sec-websocket-key"] !== undefined) headers.upgrade = "websocket";
  // Any other upgrade stays unmarked and is rejected.
  if (headers.upgrade?.toLowerCase() === "websocket") describeHandshake(request);
}
