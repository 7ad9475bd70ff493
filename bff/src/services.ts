// Wiring of one application: its provider, sessions, tokens and upstreams, from one configuration and one store.
// No module below reads the configuration for itself, so several applications live in one process (gateway.ts).
import type { Config, ServerConfig } from "./config/config.ts";
import { createEventStreams } from "./session/live/event-streams.ts";
import { createClientToken, createExchangedToken } from "./tokens/upstream-tokens.ts";
import { createDpopProofs } from "./provider/dpop-proof.ts";
import { createKeycloakSessions } from "./provider/keycloak-sessions.ts";
import { createLifetimeWarning } from "./auth/lifetime-warning.ts";
import { createLiveConnections } from "./session/live/live-connections.ts";
import { createLoginAttempts } from "./auth/login-attempt.ts";
import type { LogoutReceiver } from "./auth/backchannel-logout.ts";
import { createBrowserLogout } from "./auth/logout.ts";
import { createPages } from "./http/pages.ts";
import { createProvider } from "./provider/provider.ts";
import { createProviderLogout } from "./auth/provider-logout.ts";
import { createSharedWaiting, createWaitingQuotas, type SharedWaiting } from "./http/load-shedding.ts";
import { createRemoteIndex } from "./http/remote-index.ts";
import { createRouteTable, type RouteTable } from "./http/route-table.ts";
import { createSilentLogin } from "./auth/silent-login.ts";
import { createSealerFactory } from "./lib/encryption.ts";
import { createInFlight } from "./lib/in-flight.ts";
import { createSharedQuota, type SharedQuota } from "./lib/shared-quota.ts";
import type { Log } from "./logging/log.ts";
import { createAdminApplication } from "./management/admin/admin-application.ts";
import { checkAll } from "./management/readiness.ts";
import { createReadinessChecks } from "./management/readiness-checks.ts";
import type { Metrics } from "./metrics/metrics.ts";
import { authorizeUpstream } from "./proxy/authorize.ts";
import { authorizeBearer } from "./proxy/bearer.ts";
import { createBearerValidation } from "./proxy/bearer-validation.ts";
import { createOpenResponses } from "./proxy/open-responses.ts";
import { createTokenWatch } from "./proxy/token-watch.ts";
import { createRateLimiter, withRateLimit } from "./proxy/rate-limit.ts";
import { createTunnels } from "./proxy/websocket/tunnels.ts";
import { webSocketForwarding } from "./proxy/websocket/upgrade.ts";
import { renewedSession } from "./auth/session-from-claims.ts";
import { parseSession } from "./session/session.ts";
import { createSessions } from "./session/sessions.ts";
import { createUserSessions } from "./session/user-sessions.ts";
import { createCacheBudget, type CacheBudget } from "./store/cache-budget.ts";
import { createSessionCache } from "./store/session-cache.ts";
import type { Store } from "./store/store.ts";
import { createAccessTokenFor } from "./tokens/access-token.ts";
import { createRefresh, refreshTiming } from "./tokens/refresh.ts";
import { createRefreshRateLimiter } from "./tokens/refresh-rate-limiter.ts";
import { createVault } from "./tokens/vault.ts";
import { throttledCertificate } from "./upstream/client-certificate.ts";
import { closeUpstreams, createUpstreams, snapshotUpstream } from "./upstream/upstreams.ts";

/** Quotas of the process, which its applications share. */
export type ProcessQuotas = { waiting: SharedWaiting; eventStreams: SharedQuota; sessionCaches: CacheBudget };

export type Environment = {
  config: Config;
  store: Store;
  log: Log;
  metrics: Metrics;
  processQuotas: ProcessQuotas;
  /** All applications of the process: a logout token arrives at any of their hosts. */
  logoutReceivers: () => readonly LogoutReceiver[];
  /** Names of the identity headers of all applications: two of them may share an upstream. */
  identity: ReadonlySet<string>;
  /** Another server renders the pages: each of them may depend on the session cookie. */
  isMounted: boolean;
};

export type Services = ReturnType<typeof createServices>;

/** A dependency check that takes longer counts as failed in the metrics: shorter than the supervisor's wait for a worker. */
const DEPENDENCY_SAMPLE_MS = 500;
/** An open WebSocket counts as a use of its session at most this often. */
const MAX_WEBSOCKET_USE_INTERVAL_MS = 30_000;

export function createProcessQuotas({ waitingLimits, maxEventStreams }: ServerConfig): ProcessQuotas {
  return {
    waiting: createSharedWaiting(waitingLimits),
    eventStreams: createSharedQuota(maxEventStreams),
    sessionCaches: createCacheBudget(),
  };
}

export function createServices(environment: Environment) {
  const { config, log, metrics } = environment;
  const routes = createRouteTable(config.upstreams, { isReserved: !environment.isMounted });
  const provider = createProvider({
    config: config.provider,
    publicOrigin: config.publicOrigin,
    log,
  });
  const session = createSessionServices(environment);
  const tokens = createTokenServices(environment, session, provider);
  const keycloak = config.keycloakAdmin && createKeycloakSessions(config.provider, config.keycloakAdmin);
  const forwarding = createForwardingServices(environment, session, { ...tokens, provider, routes });
  const { proxy } = config.provider;
  const remoteIndex = config.spaUrl === undefined ? undefined : createRemoteIndex({ url: config.spaUrl, log, proxy });
  const { store, cache } = session;
  const { checkBearers } = forwarding;
  const readinessChecks = createReadinessChecks({ store, provider, keycloak, cache, remoteIndex, checkBearers });
  const removeMetrics = [
    metrics.registerDependencies(() => checkAll(readinessChecks, DEPENDENCY_SAMPLE_MS)),
    metrics.registerEventStreams(session.eventStreams.count),
    metrics.registerUpstreams(() => forwarding.upstreams.map(snapshotUpstream)),
  ];
  return {
    ...{ config, log, metrics, readinessChecks, routes, remoteIndex },
    adminApplication: createAdminApplication({ config, store, log }),
    /** Requests whose responses have not ended, WebSockets included. */
    requestsInFlight: createInFlight(),
    ...session,
    ...forwarding,
    ...createRouteServices({ ...environment, ...session, ...tokens, provider, keycloak, routes }),
    /** Ends the event streams, so that browsers reconnect to another instance. */
    drain: session.eventStreams.drain,
    /** Resolves when no refresh is in flight: its result would be lost with the process. */
    refreshesSettled: tokens.refresh.settled,
    async close(): Promise<void> {
      session.eventStreams.drain();
      forwarding.openResponses.close();
      session.liveConnections.close();
      session.cache.close();
      forwarding.quotas.leave();
      for (const remove of removeMetrics) remove();
      await Promise.all([closeUpstreams(forwarding.upstreams), remoteIndex?.close()]);
    },
  };
}

function createSessionServices({ config, store: sharedStore, log, metrics, processQuotas }: Environment) {
  const cache = createSessionCache({
    ...{ store: sharedStore, log, metrics, maxAgeMs: config.sessionCacheMs },
    budget: processQuotas.sessionCaches,
  });
  const { store, read, untilAcknowledged } = cache;
  const { sessionIdleMs, sessionMaxMs } = config;
  const sessions = createSessions({ store, read, untilAcknowledged, log, sessionIdleMs, sessionMaxMs });
  const liveConnections = createLiveConnections({ store, log });
  // Instances compare times that another one wrote: by the clock that they share.
  const now = store.nowMs;
  const eventStreams = createEventStreams({ live: liveConnections, quota: processQuotas.eventStreams, now });
  const userSessions = createUserSessions({ store, end: sessions.end });
  return { store, cache, now, sessions, userSessions, liveConnections, eventStreams };
}

type SessionServices = ReturnType<typeof createSessionServices>;
type Provider = ReturnType<typeof createProvider>;

function createTokenServices({ config, log, metrics }: Environment, session: SessionServices, provider: Provider) {
  const { store, sessions } = session;
  const sealerFor = createSealerFactory(config.secretKeys, config.application.id);
  const vault = createVault(sealerFor);
  const timing = refreshTiming(config.provider.timeoutMs);
  const rateLimiter = createRefreshRateLimiter({ store, log, perSecond: config.provider.refreshesPerSecond });
  const refresh = createRefresh({
    ...{ store, vault, log, timing, provider, rateLimiter },
    renewRecord(record, fetched) {
      const current = parseSession(record);
      return current && JSON.stringify(renewedSession(current, fetched, config.provider.rolePaths));
    },
    endSession: sessions.end,
    onOutcome: metrics.refresh,
  });
  return {
    ...{ sealerFor, vault, refresh },
    accessTokenFor: createAccessTokenFor({ refresh, rateLimiter, waitMs: timing.waitMs, clock: store }),
    clientToken: createClientToken(provider.clientCredentials),
    exchangedToken: createExchangedToken(provider.exchangeToken),
  };
}

type TokenServices = ReturnType<typeof createTokenServices>;

function createForwardingServices(
  environment: Environment,
  session: SessionServices,
  { provider, routes, ...tokens }: TokenServices & { provider: Provider; routes: RouteTable },
) {
  const { config, log, metrics, processQuotas } = environment;
  const { store, sessions, liveConnections } = session;
  const { trustedProxies } = config;
  const quotas = createWaitingQuotas({
    ...{ ...config.waitingLimits, trustedProxies, routes },
    shared: processQuotas.waiting,
  });
  const bearers = createBearerValidation({ rows: config.upstreams, bearerTokens: provider.bearerTokens, store });
  const authorize = withRateLimit(
    authorizeUpstream({
      authorizeBearer: authorizeBearer({
        ...{ validationOf: bearers.of, countForSession: quotas.countForSession, onOutcome: metrics.bearer },
        ...{ publicOrigin: config.publicOrigin, clientToken: tokens.clientToken, rolePaths: config.provider.rolePaths },
        ...{ clock: store, trustedProxies },
      }),
      ...{ sessions, countForSession: quotas.countForSession, clock: store },
      ...tokens,
    }),
    createRateLimiter({ ...{ store, trustedProxies, log }, onOutcome: metrics.rateLimit }),
  );
  const certificate = provider.boundCertificate;
  const upstreams = createUpstreams(config.upstreams, log, {
    boundTo: certificate && throttledCertificate(certificate),
    identity: environment.identity,
  });
  const tunnels = createTunnels();
  const watchToken = createTokenWatch({ authorize });
  const forwardWebSocket = webSocketForwarding({
    ...{ authorize, tunnels, metrics, watchToken },
    live: liveConnections,
    useEveryMs: Math.min(MAX_WEBSOCKET_USE_INTERVAL_MS, config.sessionIdleMs / 30),
  });
  return {
    quotas,
    authorize,
    checkBearers: bearers.check,
    upstreams,
    tunnels,
    forwardWebSocket,
    dpopProofs: createDpopProofs(),
    openResponses: createOpenResponses({ live: liveConnections, watchToken }),
  };
}

type RouteDependencies = Environment &
  SessionServices &
  TokenServices & {
    provider: Provider;
    keycloak: ReturnType<typeof createKeycloakSessions> | undefined;
    routes: RouteTable;
  };

/** What the routes of /bff need, one object for each group of routes. */
function createRouteServices(dependencies: RouteDependencies) {
  const { config, store, log, metrics, now, provider, keycloak, routes, isMounted } = dependencies;
  const { sessions, userSessions, vault, sealerFor } = dependencies;
  const { publicOrigin, transportSecurity, postLogoutPath, sessionsPerUser, sessionIdleMs } = config;
  const pages = createPages({ errorPages: config.errorPages, log });
  const shared = { publicOrigin, transportSecurity, provider, sessions, vault, store, pages, log };
  const home = publicOrigin + postLogoutPath;
  const providerLogout = createProviderLogout({ sealerFor, provider, home, now, log });
  const logout = { ...shared, postLogoutPath, providerLogout };
  const silentLogin = createSilentLogin({ isOn: config.silentLogin, sessions, sessionMaxMs: config.sessionMaxMs });
  return {
    ...{ pages, providerLogout, silentLogin },
    login: {
      ...{ ...shared, userSessions, sessionsPerUser, silentLogin, isPage: routes.isPage },
      isForwarded: (path: string) => isMounted || routes.find(path.split("#", 1)[0] ?? "").kind === "upstream",
      config: config.provider,
      needsSecureCookies: !config.insecureCookies,
      attempts: createLoginAttempts(sealerFor, now),
      onTokenLife: createLifetimeWarning({ sessionIdleMs, log }),
      onLogin: metrics.login,
    },
    logout,
    logoutReceiver: shared satisfies LogoutReceiver,
    logoutReceivers: dependencies.logoutReceivers,
    ownSessions: {
      ...{ sessions, userSessions, now, log },
      end: sessions.end,
      endAtProvider: keycloak?.endOfUser,
      logOutBrowser: createBrowserLogout(logout),
    },
  };
}
