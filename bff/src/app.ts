// THE STORY: every middleware and route in the order a request meets them.
import type { IncomingMessage, ServerResponse } from "node:http";
import Router from "@koa/router";
import Koa from "koa";
import { createKeycloakSessions } from "./provider/keycloak-sessions.ts";
import { createLoginAttempts } from "./auth/login-attempt.ts";
import { createLifetimeWarning } from "./auth/lifetime-warning.ts";
import { responseHead, callback, login } from "./auth/login.ts";
import { backchannelLogout, createBrowserLogout, logout } from "./auth/logout.ts";
import { createProvider } from "./provider/provider.ts";
import { createProviderLogout } from "./auth/provider-logout.ts";
import { events } from "./auth/events.ts";
import { endAllSessions, endOneSession, listSessions } from "./auth/sessions.ts";
import { user } from "./auth/user.ts";
import type { Config } from "./config/config.ts";
import { csrf, loginGuard } from "./http/csrf.ts";
import { koaHandler } from "./http/koa-handler.ts";
import { errorResponse, reportLateError } from "./http/error-response.ts";
import { requestValidation } from "./http/request-validation.ts";
import { insecureCookies } from "./http/insecure-cookies.ts";
import type { Metrics } from "./metrics/metrics.ts";
import { pipeliningGuard } from "./http/pipelining-guard.ts";
import type { ReadinessCheck } from "./metrics/dependency-check.ts";
import { checkAll } from "./management/readiness.ts";
import { requestLog } from "./http/request-log.ts";
import { securityHeaders } from "./http/security-headers.ts";
import { createWaitingQuotas, shedding } from "./http/load-shedding.ts";
import { spa } from "./http/spa-files.ts";
import type { Log } from "./logging/log.ts";
import { authorizeUpstream } from "./proxy/authorize.ts";
import { apiForwarding } from "./proxy/forward.ts";
import { createOpenResponses } from "./proxy/open-responses.ts";
import { createTunnels, type Tunnels } from "./proxy/websocket/tunnels.ts";
import { webSocketForwarding } from "./proxy/websocket/upgrade.ts";
import { closeUpstreams, createUpstreams, snapshotUpstream } from "./upstream/upstreams.ts";
import { createSealerFactory } from "./lib/encryption.ts";
import { createReadinessChecks } from "./management/readiness-checks.ts";
import { createEventStreams } from "./session/live/event-streams.ts";
import { koaSession } from "./session/koa-session.ts";
import { createLiveConnections } from "./session/live/live-connections.ts";
import { createSessionCache } from "./store/session-cache.ts";
import { createSessions } from "./session/sessions.ts";
import { createUserSessions } from "./session/user-sessions.ts";
import type { Store } from "./store/store.ts";
import { createAccessTokenFor, createRefresh, refreshTiming } from "./tokens/refresh.ts";
import { createRefreshRateLimiter } from "./tokens/refresh-rate-limiter.ts";
import { createClientToken, createExchangedToken } from "./tokens/upstream-tokens.ts";
import { createVault } from "./tokens/vault.ts";

export type AppParts = { config: Config; store: Store; log: Log; metrics: Metrics };

export type App = {
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  readiness: ReadinessCheck[];
  /** Ends what would stay open for ever, so that a process that is to stop can. */
  drain: () => void;
  /** Open connections that a drain has to end: they never finish by themselves. */
  webSockets: Pick<Tunnels, "count" | "closeAll">;
  /** When no refresh is under way that would be lost with the process. */
  settled: () => Promise<void>;
  close: () => Promise<void>;
};

/** Shorter than the supervisor waits for the metrics of a worker: an outage must not hide them. */
const DEPENDENCY_SAMPLE_MS = 500;

export function createApp({ config, store: sharedStore, log, metrics }: AppParts): App {
  const {
    publicOrigin,
    postLogoutPath,
    provider: providerConfig,
    sessionIdleMs,
    sessionMaxMs,
    sessionsPerUser,
  } = config;
  const provider = createProvider({ config: providerConfig, publicOrigin, postLogoutPath, log });
  const keycloak =
    config.keycloakAdmin === undefined ? undefined : createKeycloakSessions(providerConfig, config.keycloakAdmin);
  const cache = createSessionCache({ store: sharedStore, log, metrics, maxAgeMs: config.sessionCacheMs });
  const { store, read, untilAcknowledged } = cache;
  // What one instance writes down another one compares: by the clock that they share.
  const now = store.nowMs;
  const sessions = createSessions({ store, read, untilAcknowledged, log, sessionIdleMs, sessionMaxMs });
  const userSessions = createUserSessions({ store, end: sessions.end });
  const liveConnections = createLiveConnections({ store, log });
  const eventStreams = createEventStreams({ live: liveConnections, maxStreams: config.maxEventStreams, now });
  metrics.registerEventStreams(eventStreams.count);
  const sealerFor = createSealerFactory(config.secretKeys, config.application.id);
  const vault = createVault(sealerFor);
  const timing = refreshTiming(providerConfig.timeoutMs);
  const rateLimiter = createRefreshRateLimiter({ store, log, perSecond: providerConfig.refreshesPerSecond });
  const refresh = createRefresh({
    store,
    vault,
    log,
    provider,
    rateLimiter,
    endSession: sessions.end,
    onOutcome: metrics.refresh,
    timing,
  });
  const accessTokenFor = createAccessTokenFor({ refresh, rateLimiter, waitMs: timing.waitMs, clock: store });
  const clientToken = createClientToken(provider.clientCredentials);
  const exchangedToken = createExchangedToken(provider.exchangeToken);
  const quotas = createWaitingQuotas({ ...config.waitingLimits, trustedProxies: config.trustedProxies });
  const authorize = authorizeUpstream({
    ...{ sessions, vault, accessTokenFor, clientToken, exchangedToken, countForSession: quotas.countForSession },
    clock: store,
  });
  const attempts = createLoginAttempts(sealerFor, now);
  const loginParts = {
    publicOrigin,
    config: providerConfig,
    needsSecureCookies: !config.insecureCookies,
    onTokenLife: createLifetimeWarning({ sessionIdleMs, log }),
    sessionsPerUser,
    provider,
    attempts,
    sessions,
    userSessions,
    vault,
    store,
    log,
    onLogin: metrics.login,
  };
  const providerLogout = createProviderLogout({
    sealerFor,
    provider,
    home: publicOrigin + postLogoutPath,
  });
  const logoutParts = {
    publicOrigin,
    postLogoutPath,
    issuer: providerConfig.issuer,
    provider,
    providerLogout,
    sessions,
    vault,
    store,
    log,
  };
  const ownSessions = {
    sessions,
    userSessions,
    end: sessions.end,
    endAtProvider: keycloak?.endOfUser,
    logOutBrowser: createBrowserLogout(logoutParts),
    now,
    log,
  };

  const upstreams = createUpstreams(config.upstreams, log);
  const openResponses = createOpenResponses(liveConnections);
  metrics.registerUpstreams(() => upstreams.map(snapshotUpstream));
  const tunnels = createTunnels();
  const forwardWebSocket = webSocketForwarding({
    authorize,
    live: liveConnections,
    tunnels,
    metrics,
    useEveryMs: Math.min(30_000, sessionIdleMs / 30),
  });

  const checks = createReadinessChecks({ store, provider, keycloak, cache });
  metrics.registerDependencies(() => checkAll(checks, DEPENDENCY_SAMPLE_MS));

  const app = new Koa();
  app.on("error", reportLateError({ log }));
  const session = koaSession(app, { sessions, sessionMaxMs });
  const routes = new Router({ prefix: "/bff", sensitive: true, strict: true })
    .head(["/login", "/callback", "/logout/provider"], responseHead)
    .get("/login", loginGuard({ log, metrics }), session, login(loginParts))
    .get("/callback", session, callback(loginParts))
    .post("/logout", session, logout(logoutParts))
    .get("/logout/provider", providerLogout.route)
    .post("/backchannel-logout", backchannelLogout(logoutParts))
    .get("/user", session, user({ accountUrl: config.accountUrl, now }))
    .get("/events", events({ sessions, streams: eventStreams }))
    .get("/sessions", session, listSessions(ownSessions))
    .delete("/sessions", session, endAllSessions(ownSessions))
    .delete("/sessions/:id", session, endOneSession(ownSessions));

  app.use(errorResponse({ log, publicOrigin }));
  app.use(requestLog({ config, log, metrics }));
  app.use(securityHeaders(config));
  app.use(shedding(quotas));
  if (config.insecureCookies) app.use(insecureCookies({ publicOrigin }));
  app.use(requestValidation({ publicOrigin }));
  app.use(csrf({ publicOrigin, metrics }));
  app.use(apiForwarding({ config, upstreams, authorize, openResponses, forwardWebSocket, log }));
  app.use(routes.routes());
  app.use(routes.allowedMethods());
  app.use(spa({ root: config.spaRoot }));
  return {
    handle: pipeliningGuard(koaHandler(app), log),
    readiness: checks,
    drain: eventStreams.drain,
    webSockets: tunnels,
    settled: refresh.settled,
    close: () => {
      eventStreams.drain();
      openResponses.close();
      liveConnections.close();
      return closeUpstreams(upstreams);
    },
  };
}
