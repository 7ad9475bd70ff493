// Routes of the host: a request passes the guards of a forwarded request, from the same functions, and gets its session
// instead of a response of an upstream.
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { UpstreamConfig } from "../config/config.ts";
import { GatewayError } from "../errors.ts";
import { requireSameOrigin } from "../http/csrf.ts";
import { reportError } from "../http/error-response.ts";
import { inspectNavigation } from "../http/page-navigation.ts";
import { rawPath, type RequestState } from "../http/request-state.ts";
import { createInspection, rejectionError } from "../http/request-validation.ts";
import { describeHandshake, isWebSocket } from "../http/websocket-handshake.ts";
import { isoTime } from "../lib/iso-time.ts";
import type { Authorized } from "../proxy/authorized.ts";
import type { Services } from "../services.ts";
import type { Session } from "../session/session.ts";
import type { SessionKey } from "../store/store.ts";
import { createRejections } from "./rejection.ts";
import type { SessionEnds } from "./session-ends.ts";
import type { AccessTokenResult, Anonymous, Rejection, SessionFound } from "./types.ts";

/** The requirements of a route as rows: one to find the session, one to get its access token. */
export type RouteRows = { session: UpstreamConfig; token: UpstreamConfig };

export type HostRoutes = {
  check(request: IncomingMessage, rows: RouteRows): Promise<SessionFound | Anonymous | Rejection>;
};

/** The parts of an application that a host route uses. */
type Dependencies = Pick<Services, "config" | "routes" | "authorize" | "dpopProofs" | "pages" | "log" | "metrics"> & {
  sessionEnds: Pick<SessionEnds, "add">;
};

// oxlint-disable-next-line max-lines-per-function -- a factory: its functions share state and are short
export function createHostRoutes(dependencies: Dependencies): HostRoutes {
  const { config, routes, authorize, sessionEnds, dpopProofs, log, metrics } = dependencies;
  const { publicOrigin } = config;
  const { inspect, cookiesAfter } = createInspection({ publicOrigin, routes });
  const rejections = createRejections(dependencies);

  /** @returns cookie lines for the response of a rejected request. @throws GatewayError */
  const guard = (request: IncomingMessage, state: RequestState, setCookies: string[]): void => {
    const rejection = inspect(request, state.route);
    if (rejection !== undefined) {
      if (rejection.event !== undefined) state.securityEvent = rejection.event;
      setCookies.push(...cookiesAfter(request, rejection));
      throw rejectionError(rejection);
    }
    requireSameOrigin(request, state, { publicOrigin, metrics });
  };
  const report = (request: IncomingMessage, state: RequestState, error: GatewayError): void => {
    reportError(log, request, state, error);
    const { method = "", url = "" } = request;
    const { code, status, reason } = error;
    const path = rawPath(url).slice(0, MAX_LOGGED_PATH);
    log.info("request of a host route rejected", { requestId: state.requestId, method, path, status, code, reason });
  };
  const accessToken = async (request: IncomingMessage, row: UpstreamConfig): Promise<AccessTokenResult> => {
    const state = newState(row);
    try {
      return tokenOf(await authorize(request, row), dpopProofs);
    } catch (thrown) {
      const error = gatewayError(thrown);
      report(request, state, error);
      return rejections.of({ request, state, error, navigation: inspectNavigation(request, row, publicOrigin) });
    }
  };
  const found = (
    request: IncomingMessage,
    { key, session }: { key: SessionKey; session: Session },
    rows: RouteRows,
  ): SessionFound => ({
    kind: "session",
    user: frozen(session.user),
    roles: frozen(session.roles),
    session: {
      id: session.handle,
      createdAt: isoTime(session.createdAtMs),
      acr: session.acr ?? null,
      authTime: session.authTimeSeconds === undefined ? null : isoTime(session.authTimeSeconds * 1000),
    },
    accessToken: () => accessToken(request, rows.token),
    onEnd: (listener) => sessionEnds.add(config.application.id, key, listener),
  });

  return {
    async check(request, rows) {
      const row = rows.session;
      const state = newState(row);
      const setCookies: string[] = [];
      // The host accepts the handshake itself. A page cannot set Upgrade, other than by opening a WebSocket.
      if (isWebSocket(request)) describeHandshake(request);
      let navigation: ReturnType<typeof inspectNavigation>;
      try {
        guard(request, state, setCookies);
        navigation = inspectNavigation(request, row, publicOrigin);
        if (navigation?.action === "refresh") return rejections.refresh(request, state.requestId, navigation);
        const { sessionKey: key, session } = await authorize(request, row, state);
        return key === undefined || session === undefined
          ? { kind: "anonymous" }
          : found(request, { key, session }, rows);
      } catch (thrown) {
        const error = gatewayError(thrown);
        report(request, state, error);
        return rejections.of({ request, state, error, navigation, setCookies });
      }
    },
  };
}

const MAX_LOGGED_PATH = 512;

function newState(row: UpstreamConfig): RequestState {
  return { requestId: randomUUID(), route: { kind: "upstream", row } };
}

function gatewayError(thrown: unknown): GatewayError {
  return thrown instanceof GatewayError ? thrown : new GatewayError("internal", { cause: thrown });
}

/** @throws GatewayError session_missing on a route with `access: optional` whose session has ended in the meantime */
function tokenOf({ accessToken, proofKey }: Authorized, proofs: Dependencies["dpopProofs"]): AccessTokenResult {
  if (accessToken === undefined) throw new GatewayError("session_missing");
  return {
    kind: "ready",
    accessToken,
    tokenType: proofKey === undefined ? "Bearer" : "DPoP",
    async proof({ method, url, nonce }) {
      if (proofKey === undefined) return undefined;
      const { origin, pathname, search } = new URL(url);
      if (nonce !== undefined) proofs.rememberNonce(origin, nonce);
      return proofs.proofFor({ key: proofKey, accessToken, method, origin, target: pathname + search });
    },
  };
}

/** A session record is shared by the requests of its session: a host must not change the user of the next one (I3). */
function frozen<T extends object>(value: T): T {
  if (Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) if (typeof part === "object" && part !== null) frozen(part);
  return Object.freeze(value);
}
