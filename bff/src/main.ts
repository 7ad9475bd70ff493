// The gateway's process: reads the configuration, connects, listens, and shuts down gracefully on SIGTERM.
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { isSupervised, isSupervisor, serveSupervisorQueries, supervise } from "./cluster.ts";
import { startConfig } from "./cluster/cluster-messages.ts";
import { restored } from "./cluster/cluster-reload.ts";
import { ConfigError, configFile, type GatewayConfig } from "./config/config.ts";
import { settingWords } from "./config/setting-words.ts";
import { configWarnings } from "./config/warnings.ts";
import { createGateway, type ApplyResult } from "./gateway.ts";
import { shutDownServer } from "./http/graceful-shutdown.ts";
import { listen, ListenError } from "./http/listen.ts";
import { SERVER_OPTIONS } from "./http/server-options.ts";
import { createLog } from "./logging/log.ts";
import { createSharedLogDestination } from "./logging/log-destination.ts";
import { createAdminApi } from "./management/admin/admin-api.ts";
import { createManagementServer } from "./management/management-server.ts";
import { reportFailingChecks } from "./management/failing-checks.ts";
import { createMetrics } from "./metrics/metrics.ts";
import { createForwardAuthServer } from "./proxy/forward-auth/forward-auth-server.ts";
import { listenForwardAuth } from "./proxy/forward-auth/listen-forward-auth.ts";
import { loadCheckedConfig, reloadOnChange } from "./reload.ts";
import { openStores, waitForStore } from "./store/open-store.ts";

/** Exit status for a configuration that cannot work (EX_CONFIG of sysexits.h). */
const EXIT_CONFIG = 78;
/** A refresh in flight at shutdown gets the provider's timeout and so much more to store its result. */
const REFRESH_GRACE_MS = 5_000;
/** A forward-auth call is never a WebSocket. */
const NO_WEB_SOCKETS = { count: () => 0, closeAll: () => Promise.resolve() };

// From ten applications on, V8 takes what their start allocates as a sign that such objects live long, and puts those of
// requests into the old generation: a third more CPU time per request.
setFlagsFromString("--no-allocation-site-pretenuring");
// Not during the start, which reads the file anyway; and not in workers, for which the supervisor reloads.
if (configFile() !== undefined) process.on("SIGHUP", () => undefined);
const words = settingWords();
const config = await readConfigOrExit();
const { server: serverConfig } = config;
const destination = serverConfig.workers > 1 ? createSharedLogDestination() : undefined;
const log = createLog(serverConfig.logLevel, { destination, words });
if (isSupervisor(serverConfig)) await supervise({ config, log, words });
const metrics = createMetrics();
const stores = openStores(serverConfig, log, (reason) =>
  exitWithConfigError(new ConfigError([words.sentence(reason)])),
);
const gateway = createGateway(config, { log, metrics, stores });
const reloadChecks = isSupervised(serverConfig) ? [] : reloadGateway();
let draining = false;

const server = createServer(SERVER_OPTIONS);
const forwardAuth =
  serverConfig.forwardAuth &&
  createForwardAuthServer({
    config: serverConfig.forwardAuth,
    trustedProxies: serverConfig.trustedProxies,
    applicationOf: gateway.servicesOf,
    log,
  });
for (const each of [server, forwardAuth])
  each?.prependListener("request", (_request, response) => {
    if (draining) response.setHeader("Connection", "close");
  });
gateway.attach(server);
const management = createManagementServer({
  identity: gateway.identity,
  metrics,
  checks: () => [...gateway.checks(), ...reloadChecks],
  isDraining: () => draining,
  words,
  admin:
    serverConfig.adminTokens &&
    createAdminApi({
      ...{ tokens: serverConfig.adminTokens, host: serverConfig.management.host, log, words },
      applications: () => gateway.applications().map(({ adminApplication }) => adminApplication),
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
  await waitForStore(stores);
  await listen(server, serverConfig.listen, "");
  if (forwardAuth !== undefined && serverConfig.forwardAuth !== undefined)
    await listenForwardAuth(forwardAuth, serverConfig.forwardAuth.listen);
  if (isSupervised(serverConfig)) serveSupervisorQueries({ checks: gateway.checks, metrics, gateway });
  else await listen(management, serverConfig.management, "MANAGEMENT_");
  for (const { publicOrigin, application } of config.applications)
    log.info("listening", { url: publicOrigin, application: application.id });
  for (const warning of serverConfig.warnings) log.warn(warning);
  for (const each of gateway.applications()) for (const warning of configWarnings(each.config)) each.log.warn(warning);
  void reportFailingChecks(gateway.applications());
} catch (error) {
  if (!(error instanceof ListenError)) throw error;
  log.error("cannot listen", { error, reason: error.message });
  log.flush();
  process.exit(1);
}

/** A worker uses the configuration of the other workers: the file may have changed since, or be invalid now. */
async function readConfigOrExit(): Promise<GatewayConfig> {
  try {
    const sent = configFile() === undefined ? undefined : await startConfig();
    if (sent === undefined) return loadCheckedConfig();
    const config = restored(sent);
    if (!Array.isArray(config)) return config;
    process.stderr.write(`${new ConfigError(config).message}\n`);
    // Not EXIT_CONFIG: the supervisor starts this worker again, until the file that has changed is repaired or reloaded.
    return process.exit(1);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return exitWithConfigError(error);
  }
}

function reloadGateway() {
  const apply = async (next: GatewayConfig): Promise<ApplyResult> =>
    draining ? { kind: "rejected", reasons: ["The gateway is shutting down"] } : gateway.apply(next);
  return reloadOnChange({ initial: config, apply, log, onOutcome: metrics.reload });
}

function exitWithConfigError(error: ConfigError): never {
  process.stderr.write(`${error.message}\n`);
  return process.exit(EXIT_CONFIG);
}

function longestRefreshMs(): number {
  return Math.max(...gateway.applications().map((each) => each.config.provider.timeoutMs));
}

/** Not ready, then no new connections, then the rest of the requests and refreshes in flight, then the end. */
async function drain(): Promise<void> {
  if (draining) return;
  draining = true;
  log.info("draining", { seconds: serverConfig.drainMs / 1000 });
  // Probes must see it before connections are refused.
  await sleep(Math.min(1_000, serverConfig.drainMs / 10));
  gateway.drain();
  await Promise.all([
    shutDownServer(server, gateway.webSockets, serverConfig.drainMs),
    forwardAuth && shutDownServer(forwardAuth, NO_WEB_SOCKETS, serverConfig.drainMs),
  ]);
  // The successor of a refresh token that was spent must be stored.
  await Promise.race([gateway.refreshesSettled(), sleep(longestRefreshMs() + REFRESH_GRACE_MS)]);
  management.close();
  await gateway.close();
  await stores.close();
  log.info("stopped");
  log.flush();
  process.exit(0);
}
