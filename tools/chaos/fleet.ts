// Everything that a scenario runs against, real: Redis, the provider, the resource API, the gateway as several
// processes (each with its own link to Redis that can be disturbed), and a balancer in front of them.
import { randomBytes } from "node:crypto";
import { startResourceApi, type ResourceApi } from "@cloakroom/demo/api/start-resource-api.ts";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { clientRegistration, gatewayEnv } from "@cloakroom/testing/gateway-env.ts";
import { startGateway, type GatewayProcess } from "@cloakroom/testing/gateway-process.ts";
import { startProvider } from "@cloakroom/testing/provider/start-provider.ts";
import type { ProviderHandle } from "@cloakroom/testing/provider/types.ts";
import { applicationId } from "@cloakroom/gateway/src/lib/application-id.ts";
import { createRedisStore } from "@cloakroom/gateway/src/store/redis/redis-store.ts";
import type { RedisClient } from "@cloakroom/gateway/src/store/redis/redis-connection.ts";
import type { Store } from "@cloakroom/gateway/src/store/store.ts";
import { createSealerFactory } from "@cloakroom/gateway/src/lib/encryption.ts";
import { createVault, type Vault } from "@cloakroom/gateway/src/tokens/vault.ts";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";
import { loginAtProvider } from "@cloakroom/testkit/system.ts";
import { startBalancer, type Balancer } from "./balancer.ts";
import { startFaultProxy, type FaultProxy } from "@cloakroom/testkit/fault-proxy.ts";
import { newHistory, type History } from "./history.ts";

export type Instance = {
  name: string;
  port: number;
  managementOrigin: string;
  process: GatewayProcess;
  /** Between this instance and Redis. */
  link: FaultProxy;
};

export type Fleet<R extends TestRedis = TestRedis> = {
  publicOrigin: string;
  redis: R;
  provider: ProviderHandle;
  api: ResourceApi;
  instances: readonly Instance[];
  balancer: Balancer;
  /** A connection of our own to Redis, past the links: to move a session's clock and to see what is left of one. */
  store: Store & { client: RedisClient };
  /** Opens what the instances sealed. */
  vault: Vault;
  secretKeys: readonly Buffer[];
  /** After the instances' keys were changed. */
  useKeys: (keys: readonly Buffer[]) => void;
  history: History;
  /** A browser that asks this instance, with a user who logs in at the provider's pages. */
  browserOf: (username: string, at: Instance) => TestBrowser;
  stop: () => Promise<void>;
};

export type FleetOptions = {
  /** Another build of the gateway: its main.ts. */
  entry?: string | undefined;
  env?: Record<string, string>;
  startRedis?: () => Promise<TestRedis>;
};

/** APP_ID of the instances and of the command line. */
export const APPLICATION = applicationId("chaos");
const INSTANCES = 3;
/** An idle machine answers in one; a loaded one is not what most scenarios are about. */
const REDIS_TIMEOUT_MS = 2_000;

export async function startFleet(options: FleetOptions = {}): Promise<Fleet> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const each of stops.splice(0).reverse()) await each().catch(() => undefined);
  };
  try {
    const parts = await startParts(options, stops);
    const fleet: Fleet = { ...parts, stop, useKeys: (keys) => void Object.assign(fleet, keysOf(keys)) };
    return fleet;
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(options: FleetOptions, stops: (() => Promise<unknown>)[]) {
  const { entry, env = {} } = options;
  const redis = await (options.startRedis ?? startRedis)();
  stops.push(redis.stop);
  const balancerPort = await freePort();
  const publicOrigin = `http://localhost:${balancerPort}`;
  const clientSecret = randomBytes(32).toString("base64url");
  const masterKey = randomBytes(32);
  const provider = await startProvider({
    port: 0,
    passwordCost: 1_024,
    // Long: what expires here is decided by the scenario (visitor.ts), not by how slow the machine is.
    lifetimes: { accessTokenSeconds: 3_600 },
    clients: [clientRegistration(publicOrigin, clientSecret)],
  });
  stops.push(provider.stop);
  const api = await startResourceApi({ issuer: provider.issuer, audience: provider.resource, port: 0 });
  stops.push(api.stop);
  const settings = {
    ...{ SECRET_KEYS: masterKey.toString("base64url"), LOG_LEVEL: "warn", APP_ID: APPLICATION },
    ...{ REDIS_TIMEOUT_MS: String(REDIS_TIMEOUT_MS), DRAIN_SECONDS: "10", ...env },
  };
  const instances = await Promise.all(
    Array.from({ length: INSTANCES }, (_, index) =>
      startInstance({ index, entry, redis, provider, api, publicOrigin, clientSecret, env: settings }, stops),
    ),
  );
  const browserOf = (username: string, { port }: Instance) =>
    testBrowser(`http://127.0.0.1:${port}`, loginAtProvider(username), publicOrigin);
  const balancer = await startBalancer(balancerPort, instances);
  stops.push(balancer.stop);
  const store = createRedisStore({ application: APPLICATION, url: redis.url, timeoutMs: 10_000 });
  stops.push(store.close);
  await new Promise((ready) => store.client.once("ready", ready));
  return {
    publicOrigin,
    redis,
    provider,
    api,
    instances,
    balancer,
    store,
    ...keysOf([masterKey]),
    history: newHistory(),
    browserOf,
  };
}

function keysOf(secretKeys: readonly Buffer[]): Pick<Fleet, "secretKeys" | "vault"> {
  return { secretKeys, vault: createVault(createSealerFactory(secretKeys, APPLICATION)) };
}

type InstanceParts = {
  index: number;
  entry: string | undefined;
  redis: TestRedis;
  provider: ProviderHandle;
  api: ResourceApi;
  publicOrigin: string;
  clientSecret: string;
  env: Record<string, string>;
};

async function startInstance(parts: InstanceParts, stops: (() => Promise<unknown>)[]): Promise<Instance> {
  const { index, entry, redis, provider, api, publicOrigin, clientSecret, env } = parts;
  // Several servers that know each other by their ports cannot be reached by other ones.
  const hasLink = redis.url.startsWith("redis://");
  const link = await startFaultProxy(hasLink ? Number(new URL(redis.url).port) : 1);
  stops.push(link.stop);
  const [port, managementPort] = [await freePort(), await freePort()];
  const managementOrigin = `http://127.0.0.1:${managementPort}`;
  const process = await startGateway({
    ...(entry === undefined ? {} : { entry }),
    managementOrigin,
    env: {
      ...gatewayEnv({
        ...{ publicOrigin, port, managementPort, clientSecret, issuer: provider.issuer, apiUrl: api.url },
        ...{ redisUrl: hasLink ? `redis://127.0.0.1:${link.port}` : redis.url, spaRoot: undefined },
      }),
      ...env,
    },
  });
  stops.push(async () => {
    // A frozen process takes no other signal.
    await process.kill("SIGCONT");
    await process.kill("SIGKILL");
  });
  return { name: `instance ${index + 1}`, port, managementOrigin, process, link };
}
