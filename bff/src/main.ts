// The gateway's process: reads the configuration, connects, listens, and shuts down gracefully on SIGTERM.
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { createApp } from "./app.ts";
import { isSupervised, isSupervisor, serveSupervisorQueries, supervise } from "./cluster.ts";
import { ConfigError, loadConfig, type Config } from "./config/config.ts";
import { configWarnings } from "./config/warnings.ts";
import { shutDownServer } from "./http/graceful-shutdown.ts";
import { listen, ListenError } from "./http/listen.ts";
import { SERVER_OPTIONS } from "./http/server-options.ts";
import { checkSpaRoot } from "./http/spa-files.ts";
import { createLog } from "./logging/log.ts";
import { createSharedLogDestination } from "./logging/log-destination.ts";
import { createAdminApi } from "./management/admin/admin-api.ts";
import { createAdminApplication } from "./management/admin/admin-application.ts";
import { createManagementServer } from "./management/management-server.ts";
import { createMetrics } from "./metrics/metrics.ts";
import { createForwardAuthServer } from "./proxy/forward-auth/forward-auth-server.ts";
import { listenForwardAuth } from "./proxy/forward-auth/listen-forward-auth.ts";
import { createServices } from "./services.ts";
import { openStores } from "./store/open-store.ts";

/** Exit status for a configuration that cannot work (EX_CONFIG of sysexits.h). */
const EXIT_CONFIG = 78;
/** How long a start waits for the store, so that the first requests find it connected. */
const STORE_WAIT_MS = 1_000;
/** A refresh in flight at shutdown gets the provider's timeout and so much more to store its result. */
const REFRESH_GRACE_MS = 5_000;
/** A forward-auth call is never a WebSocket. */
const NO_WEB_SOCKETS = { count: () => 0, closeAll: () => Promise.resolve() };

const config = readConfigOrExit();
const log = createLog(config.logLevel, config.workers > 1 ? createSharedLogDestination() : undefined);
if (isSupervisor(config)) await supervise({ config, log });
const metrics = createMetrics();
metrics.application(config.application.id);
const stores = openStores(config, log, (reason) => exitWithConfigError(new ConfigError([reason])));
const store = stores.of(config.application.id);
const services = createServices({ config, store, log, metrics });
let draining = false;

const server = createServer(SERVER_OPTIONS);
const forwardAuth =
  config.forwardAuth &&
  createForwardAuthServer({
    config: config.forwardAuth,
    trustedProxies: config.trustedProxies,
    applicationOf: () => services,
    log,
  });
for (const each of [server, forwardAuth])
  each?.prependListener("request", (_request, response) => {
    if (draining) response.setHeader("Connection", "close");
  });
createApp(services).attach(server);
const adminApplications = [createAdminApplication({ config, store: services.store, log })];
const management = createManagementServer({
  application: config.application.id,
  metrics,
  checks: services.readinessChecks,
  isDraining: () => draining,
  admin:
    config.adminTokens &&
    createAdminApi({
      ...{ tokens: config.adminTokens, host: config.management.host, log },
      applications: () => adminApplications,
    }),
});

process.on("uncaughtException", (error) => {
  // The state of the process is unknown: log it, and let the supervisor start a new one.
  log.error("uncaught exception", { error });
  log.flush();
  process.exit(1);
});
process.once("SIGTERM", () => void drain());
process.once("SIGINT", () => void drain());

try {
  await waitForStore();
  await listen(server, config.listen, "");
  if (forwardAuth !== undefined && config.forwardAuth !== undefined)
    await listenForwardAuth(forwardAuth, config.forwardAuth.listen);
  if (isSupervised(config)) serveSupervisorQueries({ checks: services.readinessChecks, metrics });
  else await listen(management, config.management, "MANAGEMENT_");
  log.info("listening", { url: config.publicOrigin, application: config.application.id });
  for (const warning of [...config.warnings, ...configWarnings(config)]) log.warn(warning);
  void reportFailingChecks();
} catch (error) {
  if (!(error instanceof ListenError)) throw error;
  log.error("cannot listen", { error, reason: error.message });
  log.flush();
  process.exit(1);
}

function readConfigOrExit(): Config {
  try {
    const loaded = loadConfig();
    const spaError = checkSpaRoot(loaded.spaRoot);
    if (spaError !== undefined) throw new ConfigError([spaError]);
    return loaded;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return exitWithConfigError(error);
  }
}

function exitWithConfigError(error: ConfigError): never {
  process.stderr.write(`${error.message}\n`);
  return process.exit(EXIT_CONFIG);
}

/** Without a store the gateway starts as well: requests that need it get 503. */
async function waitForStore(): Promise<void> {
  const deadlineMs = performance.now() + STORE_WAIT_MS;
  const isReachable = () =>
    store.check().then(
      () => true,
      () => false,
    );
  while (performance.now() < deadlineMs && !(await isReachable())) await sleep(20);
}

/** Logged once, at the start; afterwards /readyz and the metrics report failing checks. */
async function reportFailingChecks(): Promise<void> {
  for (const [name, consequence] of Object.entries({
    provider: "logins fail until the provider can be used",
    "keycloak-admin": "sessions at Keycloak cannot be ended until its Admin API can be used",
  })) {
    const result = await services.readinessChecks.find((each) => each.name === name)?.check();
    if (result !== undefined && result.status !== "ok") log.error(consequence, { reason: result.detail });
  }
}

/** Not ready, then no new connections, then the rest of the requests and refreshes in flight, then the end. */
async function drain(): Promise<void> {
  if (draining) return;
  draining = true;
  log.info("draining", { seconds: config.drainMs / 1000 });
  // Probes must see it before connections are refused.
  await sleep(Math.min(1_000, config.drainMs / 10));
  services.drain();
  await Promise.all([
    shutDownServer(server, services.tunnels, config.drainMs),
    forwardAuth && shutDownServer(forwardAuth, NO_WEB_SOCKETS, config.drainMs),
  ]);
  // The successor of a refresh token that was spent must be stored.
  await Promise.race([services.refreshesSettled(), sleep(config.provider.timeoutMs + REFRESH_GRACE_MS)]);
  management.close();
  await Promise.all([services.close(), stores.close()]);
  log.info("stopped");
  log.flush();
  process.exit(0);
}
