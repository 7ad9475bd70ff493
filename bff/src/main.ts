// Read config, connect, listen, drain on SIGTERM.
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { createApp } from "./app.ts";
import { configWarnings } from "./config/warnings.ts";
import { ConfigError, loadConfig, type Config } from "./config/config.ts";

import { createManagementServer } from "./management/management-server.ts";
import { createMetrics } from "./metrics/metrics.ts";
import { SERVER_OPTIONS } from "./http/server-options.ts";
import { attachServerEvents } from "./http/server-events.ts";
import { checkSpaRoot } from "./http/spa-files.ts";
import { listen, ListenError } from "./http/listen.ts";
import { createSharedLogDestination } from "./logging/log-destination.ts";
import { createLog, type Log } from "./logging/log.ts";
import { createMemoryStore } from "./store/memory-store.ts";
import { redisErrorCode, redisErrorText } from "./store/redis/redis-errors.ts";
import { createRedisStore } from "./store/redis/redis-store.ts";
import type { Store } from "./store/store.ts";
import { serveSupervisorQueries, isSupervised, isSupervisor, supervise } from "./cluster.ts";

const config = readConfigOrExit();
const log = createLog(config.logLevel, config.workers > 1 ? createSharedLogDestination() : undefined);
if (isSupervisor(config)) await supervise({ config, log });
const metrics = createMetrics();
metrics.application(config.application.id);
const store = openStore(config, log);
const { handle, readiness, drain: endStreams, webSockets, settled, close } = createApp({ config, store, log, metrics });
let draining = false;
/** For browsers to answer the last frame of their WebSockets. */
const GOODBYE_MS = 1_000;

const server = createServer(SERVER_OPTIONS, (request, response) => {
  if (draining) response.setHeader("Connection", "close");
  void handle(request, response);
});
attachServerEvents(server, { config, log, handle });
const management = createManagementServer({
  application: config.application.id,
  metrics,
  checks: readiness,
  isDraining: () => draining,
});

process.on("uncaughtException", (error) => {
  // The state of the process is unknown: say why, and let the supervisor start a fresh one.
  log.error("uncaught exception", { error });
  log.flush();
  process.exit(1);
});
process.once("SIGTERM", () => void drain());
process.once("SIGINT", () => void drain());

try {
  await meetStore();
  await listen(server, config.listen, "");
  if (isSupervised(config)) serveSupervisorQueries({ checks: readiness, metrics });
  else await listen(management, config.management, "MANAGEMENT_");
  log.info("listening", { url: config.publicOrigin, application: config.application.id });
  for (const warning of [...config.warnings, ...configWarnings(config)]) log.warn(warning);
  void tellFaults();
} catch (error) {
  if (!(error instanceof ListenError)) throw error;
  log.error("cannot listen", { error, reason: error.message });
  log.flush();
  process.exit(1);
}

function readConfigOrExit(): Config {
  try {
    const loaded = loadConfig();
    const fault = checkSpaRoot(loaded.spaRoot);
    if (fault !== undefined) throw new ConfigError([fault]);
    return loaded;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return process.exit(78);
  }
}

function openStore(config: Config, gatewayLog: Log): Store {
  const { application, redisUrl, redisTimeoutMs, redisConfirmReplicas, redisAccess } = config;
  if (redisUrl === undefined) {
    gatewayLog.warn("sessions are kept in this process only: they end with it and are not shared. Set REDIS_URL");
    return createMemoryStore();
  }
  let known: string | undefined;
  let knownFault: string | undefined;
  return createRedisStore({
    url: redisUrl,
    application: application.id,
    timeoutMs: redisTimeoutMs,
    access: redisAccess,
    confirmReplicas: redisConfirmReplicas,
    onStatus(status) {
      if (status === "ready" && known === undefined) void refuseToLoseSessions();
      if (status !== known) gatewayLog[status === "ready" ? "info" : "error"](`the session store is ${status}`);
      known = status;
      // Should it come again, that is news.
      if (status === "ready") knownFault = undefined;
    },
    onError(error) {
      const fault = redisErrorCode(error);
      if (fault !== knownFault) gatewayLog.error("session store error", { code: fault, reason: redisErrorText(error) });
      knownFault = fault;
    },
  });
}

/** Whoever is sent here at once, by a balancer that asks nobody, meets the store connected; without one we start as well. */
async function meetStore(): Promise<void> {
  const giveUpAtMs = performance.now() + 1_000;
  const isThere = () =>
    store.check().then(
      () => true,
      () => false,
    );
  while (performance.now() < giveUpAtMs && !(await isThere())) await sleep(20);
}

/** Said at the start, once the server is known; readiness says it later, should the server be changed under us. */
async function refuseToLoseSessions(): Promise<void> {
  const fault = await store.check().catch(() => undefined);
  if (fault === undefined) return;
  process.stderr.write(`${new ConfigError([fault]).message}\n`);
  process.exit(78);
}

/** Said at the start and not again: whoever starts it reads the log, whoever runs it asks /readyz. */
async function tellFaults(): Promise<void> {
  for (const [name, consequence] of Object.entries({
    provider: "nobody can log in yet",
    "keycloak-admin": "sessions at Keycloak cannot be ended from here yet",
  })) {
    const result = await readiness.find((each) => each.name === name)?.check();
    if (result !== undefined && result.status !== "ok") log.error(consequence, { reason: result.detail });
  }
}

/** Not ready first, then no new connections; what runs may finish; then the end. */
async function drain(): Promise<void> {
  if (draining) return;
  draining = true;
  log.info("draining", { seconds: config.drainMs / 1000 });
  // Probes see it before connections are refused, so that nothing is sent here any more.
  await sleep(Math.min(1_000, config.drainMs / 10));
  const closed = new Promise((resolve) => server.close(resolve));
  endStreams();
  // Connections become idle one by one, as their answers end; Node only looks once.
  const sweep = setInterval(() => {
    server.closeIdleConnections();
    // WebSockets do not end by themselves: when nothing else is left, there is nothing to wait for.
    server.getConnections((_error, count) => {
      if (count <= webSockets.count()) void webSockets.closeAll();
    });
  }, 50);
  await Promise.race([closed, sleep(config.drainMs)]);
  await Promise.race([webSockets.closeAll(), sleep(GOODBYE_MS)]);
  clearInterval(sweep);
  server.closeAllConnections();
  // A refresh token that was spent must leave its successor behind, whoever waits for it or not.
  await Promise.race([settled(), sleep(config.provider.timeoutMs + 5_000)]);
  management.close();
  await Promise.all([close(), store.close()]);
  log.info("stopped");
  log.flush();
  process.exit(0);
}
