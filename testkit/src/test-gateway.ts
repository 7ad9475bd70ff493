// Gateway in the test process on a free port, with its log lines in memory.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createGateway, type Gateway } from "@cloakroom/gateway/src/gateway.ts";
import { createForwardAuthServer } from "@cloakroom/gateway/src/proxy/forward-auth/forward-auth-server.ts";
import { listenForwardAuth } from "@cloakroom/gateway/src/proxy/forward-auth/listen-forward-auth.ts";
import { loadGatewayConfig, type Config, type ServerConfig } from "@cloakroom/gateway/src/config/config.ts";
import { VARIABLES } from "@cloakroom/gateway/src/config/setting-words.ts";
import { createMetrics } from "@cloakroom/gateway/src/metrics/metrics.ts";
import type { CheckResult } from "@cloakroom/gateway/src/metrics/dependency-check.ts";
import { SERVER_OPTIONS } from "@cloakroom/gateway/src/http/server-options.ts";
import { createLog, type Log } from "@cloakroom/gateway/src/logging/log.ts";
import { createMemoryStore } from "@cloakroom/gateway/src/store/memory-store.ts";
import { createRedisStore } from "@cloakroom/gateway/src/store/redis/redis-store.ts";
import type { Store } from "@cloakroom/gateway/src/store/store.ts";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { testApplication, testKeys } from "./stored-session.ts";

export type TestGateway = {
  origin: string;
  /** Origin of the forward-auth listener; empty if FORWARD_AUTH_LISTEN is not set. */
  forwardAuthOrigin: string;
  config: Config;
  store: Store;
  /** All log lines so far (JSON). */
  log: string[];
  /** @returns the log entries of this security event */
  events(name: string): Record<string, unknown>[];
  /** Runs one check of /readyz. */
  readiness(name: string): Promise<CheckResult>;
  stop(): Promise<void>;
};

type Options = {
  issuer: string;
  clientId: string;
  /** Undefined for a method of client authentication without a secret. */
  clientSecret?: string | undefined;
  redisUrl?: string;
  /** Public origin of the first instance, for a further instance of the same gateway. */
  publicOrigin?: string;
  env?: Record<string, string>;
};

/** Settings of a gateway that listens on `port`. */
export function testEnvironment(options: Options, port: number): Record<string, string> {
  return {
    PUBLIC_ORIGIN: options.publicOrigin ?? `http://localhost:${port}`,
    PORT: String(port),
    APP_ID: testApplication,
    OIDC_ISSUER: options.issuer,
    OIDC_CLIENT_ID: options.clientId,
    ...(options.clientSecret === undefined ? {} : { OIDC_CLIENT_SECRET: options.clientSecret }),
    OIDC_TIMEOUT_SECONDS: "3",
    SECRET_KEYS: testKeys.map((key) => key.toString("base64url")).join(","),
    LOG_LEVEL: "debug",
    ...(options.redisUrl === undefined ? {} : { REDIS_URL: options.redisUrl }),
    ...options.env,
  };
}

export async function startGateway(options: Options): Promise<TestGateway> {
  const port = await freePort();
  const gatewayConfig = loadGatewayConfig(testEnvironment(options, port));
  const [config] = gatewayConfig.applications;
  if (config === undefined) throw new Error("no application");
  const lines: string[] = [];
  const log = createLog(config.logLevel, {
    destination: { write: (line: string) => void lines.push(line) },
    words: VARIABLES,
  });
  const store = await openStore(config);
  const metrics = createMetrics();
  const stores = {
    of: () => store,
    release: () => store.close(),
    check: () => store.check(),
    close: () => store.close(),
  };
  const gateway = createGateway(gatewayConfig, { log, metrics, stores });
  const server = createServer(SERVER_OPTIONS);
  gateway.attach(server);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const forwardAuth = await startForwardAuth(config, gateway, log);
  return {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    forwardAuthOrigin: forwardAuth === undefined ? "" : originOf(forwardAuth),
    config,
    store,
    log: lines,
    events: (name) =>
      lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line["event"] === name),
    readiness: async (name) =>
      gateway
        .checks()
        .find((each) => each.name === name)!
        .check(),
    async stop() {
      await gateway.webSockets.closeAll();
      forwardAuth?.closeAllConnections();
      forwardAuth?.close();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      await gateway.close();
      await store.close();
    },
  };
}

async function startForwardAuth(config: ServerConfig, gateway: Gateway, log: Log): Promise<Server | undefined> {
  if (config.forwardAuth === undefined) return undefined;
  const server = createForwardAuthServer({
    ...{ config: config.forwardAuth, trustedProxies: config.trustedProxies, log },
    applicationOf: gateway.servicesOf,
  });
  await listenForwardAuth(server, config.forwardAuth.listen);
  return server;
}

function originOf(server: Server): string {
  const address = server.address();
  return typeof address === "object" && address !== null ? `http://127.0.0.1:${address.port}` : "";
}

async function openStore({ application, redisUrl, redisTimeoutMs, redisConfirmReplicas }: Config): Promise<Store> {
  if (redisUrl === undefined) return createMemoryStore();
  const store = createRedisStore({
    url: redisUrl,
    application: application.id,
    timeoutMs: redisTimeoutMs,
    confirmReplicas: redisConfirmReplicas,
  });
  await new Promise((ready) => store.client.once("ready", ready));
  return store;
}
