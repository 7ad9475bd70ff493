// Forward-auth listener: decides requests for nginx (auth_request), Traefik (forwardAuth), Caddy (forward_auth) and Envoy
// (ext_authz), which forward them to the upstream themselves. Never the public listener: a response contains the bearer (I1).
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { BlockList } from "node:net";
import type { ForwardAuthConfig } from "../../config/forward-auth-settings.ts";
import { GatewayError } from "../../errors.ts";
import { peerAddress, isTrusted } from "../../http/client-address.ts";
import { reportError } from "../../http/error-response.ts";
import { inspectNavigation } from "../../http/page-navigation.ts";
import { refreshPageHeaders } from "../../http/refresh-page.ts";
import { rawPath, type RequestState } from "../../http/request-state.ts";
import { securityHeaderList } from "../../http/security-headers.ts";
import type { Log } from "../../logging/log.ts";
import { createThrottledLog } from "../../logging/throttled-log.ts";
import type { Metrics } from "../../metrics/metrics.ts";
import { createDecision, RefreshNeeded, type DecisionDependencies } from "./decision.ts";
import { sendAllow, sendDenial, sendRefresh } from "./decision-response.ts";
import { describedRequestReader } from "./described-request.ts";

/** One application as the listener sees it. */
export type DecidingApplication = DecisionDependencies & {
  log: Log;
  metrics: Pick<Metrics, "request" | "csrfRejected">;
};

export type ForwardAuthOptions = {
  config: ForwardAuthConfig;
  trustedProxies: BlockList;
  /** The application of a Host, as on the public listener; undefined: none has it. */
  applicationOf: (host: string) => DecidingApplication | undefined;
  log: Log;
};

/** The browser's headers, at most 16 kB, and the describing ones with a target of at most 8 kB. */
const MAX_HEADER_BYTES = 32_768;
const HEADERS_TIMEOUT_MS = 15_000;
/** Above the 60 s that nginx keeps idle connections. */
const KEEP_ALIVE_MS = 65_000;
const MAX_LOGGED_PATH = 512;
const CONFIGURATION_LOG_MS = 5_000;

export function createForwardAuthServer({ config, trustedProxies, applicationOf, log }: ForwardAuthOptions): Server {
  const { proxy, listen } = config;
  const isNetwork = listen.kind === "tcp" && listen.isNetwork;
  const read = describedRequestReader(proxy);
  const decideFor = decisions(proxy);
  const respondUnknownHost = unknownHostResponse(proxy, log);
  const throttle = createThrottledLog(CONFIGURATION_LOG_MS);
  /** No decision is made: the call cannot be understood, or its caller is unknown. */
  const reject = (response: ServerResponse, status: number, reason: string): void => {
    throttle(() => log.error("forward-auth call rejected: configure the proxy as documented", { status, reason }));
    response.writeHead(status, ["Cache-Control", "no-store", "Content-Length", "0"]).end();
  };

  const handle = (call: IncomingMessage, response: ServerResponse): void => {
    const startedAt = performance.now();
    if (isNetwork && !isTrusted(peerAddress(call), trustedProxies))
      return reject(response, 403, "the caller is not in TRUSTED_PROXIES");
    const description = read(call);
    if (description.kind === "fault") return reject(response, 500, description.reason);
    const { request } = description;
    const application = applicationOf(request.headers.host ?? "");
    if (application === undefined) respondUnknownHost(request, response, startedAt);
    else decideFor(application)(request, response, startedAt);
  };
  const server = createServer(
    { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADERS_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS },
    handle,
  );
  // Node would respond 400 itself: a proxy must not take that for a decision.
  server.on("clientError", (_error, socket) => socket.destroy());
  return server;
}

/** A Host of no application, which a browser can send through a proxy that serves any name: a 421, as on the public listener. */
function unknownHostResponse(proxy: ForwardAuthConfig["proxy"], log: Log): Respond {
  // No HSTS for a name that is not ours.
  const securityHeaders = securityHeaderList({ transportSecurity: undefined });
  return (request, response, startedAt) => {
    const reason = "no application has this Host";
    const error = new GatewayError("request_malformed", { status: 421, reason });
    const state: RequestState = { requestId: randomUUID(), route: { kind: "pages" }, code: error.code, reason };
    reportError(log, request, state, error);
    const status = sendDenial(response, {
      ...{ proxy, request, error, requestId: state.requestId, securityHeaders, rateLimit: undefined },
      ...{ publicOrigin: "", isPage: () => false, mayLogIn: false },
    });
    logDecision(log, request, { state, status, startedAt });
  };
}

type Respond = (request: IncomingMessage, response: ServerResponse, startedAt: number) => void;

/** Decides and responds for an application. What depends on its configuration is computed once. */
function decisions(proxy: ForwardAuthConfig["proxy"]): (application: DecidingApplication) => Respond {
  const known = new WeakMap<DecidingApplication, Respond>();
  return (application) => {
    const found = known.get(application);
    if (found !== undefined) return found;
    const created = createRespond(proxy, application);
    known.set(application, created);
    return created;
  };
}

function createRespond(proxy: ForwardAuthConfig["proxy"], application: DecidingApplication): Respond {
  const { config, routes, log, metrics } = application;
  const { publicOrigin } = config;
  const decide = createDecision(application, proxy);
  const securityHeaders = securityHeaderList(config);
  const pageHeaders = refreshPageHeaders(config);

  const finish = (request: IncomingMessage, state: RequestState, status: number, startedAt: number): void => {
    const durationMs = logDecision(log, request, { state, status, startedAt });
    metrics.request({ route: state.route.kind, method: request.method ?? "", status, durationMs, code: state.code });
  };

  return function respond(request, response, startedAt) {
    const state: RequestState = { requestId: randomUUID(), route: routes.find(request.url ?? "") };
    const deny = (thrown: unknown): void => {
      if (thrown instanceof RefreshNeeded) {
        const { requestId } = state;
        const wanted = { acceptLanguage: request.headers["accept-language"] };
        sendRefresh(response, {
          ...{ proxy, target: request.url ?? "", marker: thrown.marker, requestId, pageHeaders },
          ...{ pages: application.pages, wanted },
        });
        finish(request, state, 401, startedAt);
        return;
      }
      const error = thrown instanceof GatewayError ? thrown : new GatewayError("internal", { cause: thrown });
      state.code = error.code;
      if (error.reason !== undefined) state.reason = error.reason;
      reportError(log, request, state, error);
      const { requestId } = state;
      const status = sendDenial(response, {
        ...{ proxy, request, error, requestId, publicOrigin, securityHeaders },
        rateLimit: state.rateLimit,
        isPage: routes.isPage,
        mayLogIn: inspectNavigation(request, state.route.row, publicOrigin)?.mayLogIn ?? true,
      });
      finish(request, state, status, startedAt);
    };
    try {
      const decided = decide(request, response, state);
      if (decided instanceof Promise) {
        decided.then(allow).catch(deny);
        return;
      }
      allow(decided);
    } catch (error) {
      deny(error);
    }
    function allow(headers: readonly string[]): void {
      sendAllow(response, headers, state.rateLimit);
      finish(request, state, 200, startedAt);
    }
  };
}

type Decided = { state: RequestState; status: number; startedAt: number };

/** @returns the duration in milliseconds */
function logDecision(log: Log, request: IncomingMessage, { state, status, startedAt }: Decided): number {
  const { method = "", url = "" } = request;
  const { requestId, upstream, code, reason } = state;
  const durationMs = Math.round((performance.now() - startedAt) * 10) / 10;
  const path = rawPath(url).slice(0, MAX_LOGGED_PATH);
  log.request({
    requestId,
    method,
    path,
    status,
    durationMs,
    clientAddress: peerAddress(request),
    upstream,
    code,
    reason,
  });
  return durationMs;
}
