// The system under test: gateway processes behind a load balancer, with a real Redis, an OpenID Provider and the resource
// API. Each gateway reaches Redis through a fault proxy of its own.
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
  /** Fault proxy between this instance and Redis. */
  link: FaultProxy;
};

export type Fleet<R extends TestRedis = TestRedis> = {
  publicOrigin: string;
  redis: R;
  provider: ProviderHandle;
  api: ResourceApi;
  instances: readonly Instance[];
  balancer: Balancer;
  /** The harness's own store, connected directly to Redis: changes token expiry and inspects records. */
  store: Store & { client: RedisClient };
  /** Decrypts the token sets that the instances stored. */
  vault: Vault;
  secretKeys: readonly Buffer[];
  /** Sets the master keys of `vault`, after the keys of the instances were changed. */
  useKeys: (keys: readonly Buffer[]) => void;
  history: History;
  /** @returns a browser that sends its requests to `at` and logs in with the provider's login form */
  browserOf: (username: string, at: Instance) => TestBrowser;
  stop: () => Promise<void>;
};

export type FleetOptions = {
  /** main.ts of another build of the gateway. */
  entry?: string | undefined;
  env?: Record<string, string>;
  startRedis?: () => Promise<TestRedis>;
};

/** APP_ID of the instances and of the sessions command. */
export const APPLICATION = applicationId("chaos");
const INSTANCES = 3;
/** Generous, so that a busy machine causes no 503. Scenarios that test the timeout set a shorter one. */
const REDIS_TIMEOUT_MS = 2_000;

export async function startFleet(options: FleetOptions = {}): Promise<Fleet> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const each of stops.splice(0).reverse()) await each().catch(() => undefined);
  };
  try {
    const components = await startComponents(options, stops);
    const fleet: Fleet = { ...components, stop, useKeys: (keys) => void Object.assign(fleet, keysOf(keys)) };
    return fleet;
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startComponents(options: FleetOptions, stops: (() => Promise<unknown>)[]) {
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
    // Long: only the scenario expires tokens (browser.ts), never the duration of a run.
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

type InstanceOptions = {
  index: number;
  entry: string | undefined;
  redis: TestRedis;
  provider: ProviderHandle;
  api: ResourceApi;
  publicOrigin: string;
  clientSecret: string;
  env: Record<string, string>;
};

async function startInstance(options: InstanceOptions, stops: (() => Promise<unknown>)[]): Promise<Instance> {
  const { index, entry, redis, provider, api, publicOrigin, clientSecret, env } = options;
  // Sentinels and Cluster nodes announce their own ports, which bypass a proxy.
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
    // A stopped process handles no other signal.
    await process.kill("SIGCONT");
    await process.kill("SIGKILL");
  });
  return { name: `instance ${index + 1}`, port, managementOrigin, process, link };
}
