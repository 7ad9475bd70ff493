// The library: a gateway as part of another Node server. It writes nothing, catches no signal and never ends the process.
import "./lib/require-node.ts";
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { ConfigError, loadMountedConfig, type GatewayConfig, type MountedSource } from "./config/config.ts";
import { mountedWords, type SettingWords } from "./config/setting-words.ts";
import { configWarnings } from "./config/warnings.ts";
import { GatewayError } from "./errors.ts";
import { createGateway as createProcessGateway, type Gateway as ProcessGateway } from "./gateway.ts";
import { reportError } from "./http/error-response.ts";
import { commonHostPolicy, type HostPolicy } from "./http/security-headers.ts";
import { PAGE_RULES } from "./http/spa-files.ts";
import { createHostLog } from "./library/host-log.ts";
import { createHostRoutes, type HostRoutes } from "./library/host-routes.ts";
import { createMount } from "./library/mount.ts";
import { problemRejection } from "./library/rejection.ts";
import { createRequirements } from "./library/requirements.ts";
import { sendRejection } from "./library/send-rejection.ts";
import { createSessionEnds, type SessionEnds } from "./library/session-ends.ts";
import type {
  Anonymous,
  ApplyResult,
  ConfigurationSource,
  Gateway,
  GatewayOptions,
  Rejection,
  SessionFound,
  SessionRequirements,
} from "./library/types.ts";
import type { ProcessLog } from "./logging/log.ts";
import { reportFailingChecks } from "./management/failing-checks.ts";
import { createReadiness } from "./management/readiness.ts";
import { createMetrics } from "./metrics/metrics.ts";
import type { Services } from "./services.ts";
import { openStores, waitForStore, type Stores } from "./store/open-store.ts";

export { ConfigError } from "./config/config-error.ts";
export { SERVER_OPTIONS as serverOptions } from "./http/server-options.ts";
export { rejectionResponse, sendRejection } from "./library/send-rejection.ts";
export type * from "./library/configuration.ts";
export type * from "./library/types.ts";

/** A refresh in flight at `close` gets the provider's timeout and so much more to store its result. */
const REFRESH_GRACE_MS = 5_000;
const POLL_MS = 20;
/** Time for browsers to respond to the Close frame of a WebSocket (RFC 6455 §7.1.1). */
const CLOSE_TIMEOUT_MS = 1_000;

/**
 * Creates a gateway that a host mounts in its server. Several gateways may live in one process.
 * @throws ConfigError with all faults of the configuration, each with its path
 */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const config = load(options);
  const words = mountedWords(sourceOf(options));
  const log = createHostLog(options.log, { level: config.server.logLevel, words });
  const metrics = createMetrics({ ofProcess: false });
  const stores = openStores(config.server, log, (reason) => log.error("session store not usable", { reason }));
  try {
    const unusable = await waitForStore(stores);
    if (unusable !== undefined) throw new ConfigError([words.sentence(unusable)], config.files);
    const gateway = createProcessGateway(config, { log, metrics, stores, isMounted: true });
    for (const warning of warningsOf(config)) log.warn(warning);
    void reportFailingChecks(gateway.applications()).catch((error: unknown) =>
      log.error("startup checks failed", { error }),
    );
    return mounted({ gateway, config, log, words, metrics, stores });
  } catch (error) {
    await stores.close();
    throw error;
  }
}

type Parts = {
  gateway: ProcessGateway;
  config: GatewayConfig;
  log: ProcessLog;
  words: SettingWords;
  metrics: ReturnType<typeof createMetrics>;
  stores: Stores;
};

function mounted(parts: Parts): Gateway {
  const { gateway, config, log, words, metrics } = parts;
  const host: HostPolicy = commonHostPolicy(config.applications);
  let closed: Promise<void> | undefined;
  const isClosed = (): boolean => closed !== undefined;
  const { detach, ...mount } = createMount({
    ...{ gateway, log, isClosed, config: { ...config.server, ...host } },
    reject: (request, response, error) => sendRejection(response, rejectionOf(request, error, { host, log })),
  });
  const servicesOf = (id: string) => gateway.applications().find((each) => each.config.application.id === id);
  const sessionEnds = createSessionEnds({ servicesOf, log });
  const reportReadiness = createReadiness({ checks: gateway.checks, isDraining: isClosed, words });
  return {
    ...mount,
    session: createSession(gateway, { host, log, isClosed, sessionEnds }) as Gateway["session"],
    readiness: reportReadiness,
    metrics: metrics.scrape,
    async apply(source): Promise<ApplyResult> {
      if (isClosed()) return { kind: "rejected", reasons: ["The gateway is closed."] };
      const result = applyTo(gateway, source);
      metrics.reload(result.kind);
      sessionEnds.renew();
      return result;
    },
    close() {
      closed ??= close(parts, detach);
      sessionEnds.close();
      return closed;
    },
  };
}

const NOT_A_NODE_REQUEST =
  "session() needs the request of node:http: `request.raw` of Fastify, `context.env.incoming` of Hono, `ctx.req` of Koa.";

type SessionDependencies = { host: HostPolicy; log: ProcessLog; isClosed: () => boolean; sessionEnds: SessionEnds };

function createSession(gateway: ProcessGateway, { host, log, isClosed, sessionEnds }: SessionDependencies) {
  const rowsOf = createRequirements();
  /** Replaced together with the services of an application. */
  const known = new WeakMap<Services, HostRoutes>();
  const routesOf = (services: Services): HostRoutes => {
    const routes = known.get(services) ?? createHostRoutes({ ...services, sessionEnds });
    known.set(services, routes);
    return routes;
  };
  return async function session(
    request: IncomingMessage,
    requirements: SessionRequirements = {},
  ): Promise<SessionFound | Anonymous | Rejection> {
    if (!("rawHeaders" in request)) throw new TypeError(NOT_A_NODE_REQUEST);
    const rows = rowsOf(requirements);
    const services = gateway.servicesOf(request.headers.host ?? "");
    if (isClosed())
      return rejectionOf(request, new GatewayError("overloaded", { reason: "the gateway is closed" }), { host, log });
    if (services === undefined) {
      const error = new GatewayError("request_malformed", { status: 421, reason: "no application has this Host" });
      return rejectionOf(request, error, { host, log });
    }
    return routesOf(services).check(asReceived(request), rows);
  };
}

/** The request with the target that the browser has sent: routers strip the path of a mount from `url`. */
function asReceived(request: IncomingMessage): IncomingMessage {
  const { originalUrl } = request as { originalUrl?: unknown };
  if (typeof originalUrl !== "string" || originalUrl === request.url) return request;
  return Object.create(request, { url: { value: originalUrl } }) as IncomingMessage;
}

function rejectionOf(
  request: IncomingMessage,
  error: GatewayError,
  { host, log }: Pick<SessionDependencies, "host" | "log">,
): Rejection {
  const state = { requestId: randomUUID(), route: { kind: "bff" as const } };
  reportError(log, request, state, error);
  return problemRejection(host, { request, state, error });
}

function applyTo(gateway: ProcessGateway, source: ConfigurationSource): ApplyResult {
  try {
    return gateway.apply(load(source));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { kind: "rejected", reasons: error.faults };
  }
}

/** @throws ConfigError */
function load(source: ConfigurationSource): GatewayConfig {
  return loadMountedConfig(sourceOf(source), PAGE_RULES);
}

/** @throws TypeError */
function sourceOf(source: ConfigurationSource): MountedSource {
  const { config, file, env, folder = "." } = source;
  if (config !== undefined && file !== undefined)
    throw new TypeError("createGateway: config and file are both given. Keep one.");
  if (config !== undefined) return { kind: "object", value: config, folder, env };
  if (file !== undefined) return { kind: "file", file, env };
  if (env !== undefined) return { kind: "environment", env };
  throw new TypeError("createGateway needs config (an object), file (a path) or env (environment variables).");
}

const ONLY_IN_OWN_PROCESS = "has no effect in a mounted gateway. Remove it, or run `cloakroom start`";

function warningsOf({ server, applications }: GatewayConfig): string[] {
  const warnings = [...server.warnings, ...applications.flatMap((each) => configWarnings(each))];
  if (server.forwardAuth !== undefined) warnings.push(`FORWARD_AUTH_LISTEN ${ONLY_IN_OWN_PROCESS}`);
  if (server.adminTokens !== undefined) warnings.push(`ADMIN_TOKEN ${ONLY_IN_OWN_PROCESS}`);
  if (server.workers > 1) warnings.push(`WORKERS ${ONLY_IN_OWN_PROCESS}`);
  return [...new Set(warnings)];
}

/** Responses in flight first, then the refreshes, whose results would be lost, then the connections. */
async function close({ gateway, config, log, stores }: Parts, detach: () => void): Promise<void> {
  gateway.drain();
  await Promise.race([gateway.webSockets.closeAll(), sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
  const deadlineMs = performance.now() + config.server.drainMs;
  const isBusy = (): boolean => gateway.applications().some(({ requestsInFlight }) => requestsInFlight.count > 0);
  while (isBusy() && performance.now() < deadlineMs) await sleep(POLL_MS);
  const longestMs = Math.max(...gateway.applications().map((each) => each.config.provider.timeoutMs));
  await Promise.race([gateway.refreshesSettled(), sleep(longestMs + REFRESH_GRACE_MS, undefined, { ref: false })]);
  detach();
  await gateway.close();
  await stores.close();
  log.flush();
}
