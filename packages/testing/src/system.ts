// Entry point @cloakroom/testing/system: provider, session store and gateway for one test process, on free ports, with a
// recording proxy in front. The gateway is the installed @cloakroom/gateway, as a process and with its ordinary settings.
import "./require-node.ts";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { freePort } from "./free-port.ts";
import { clientRegistration, gatewayEnv } from "./gateway-env.ts";
import { startGateway, type GatewayProcess } from "./gateway-process.ts";
import type { Exchange } from "./leaks/exchange.ts";
import { startRecordingProxy } from "./leaks/recording-proxy.ts";
import type { Secret } from "./leaks/secrets.ts";
import { connectProvider } from "./provider/connect-provider.ts";
import { createProviderControl, type ProviderControl } from "./provider/control.ts";
import { startProvider } from "./provider/start-provider.ts";
import type { ProviderOptions, UserInput } from "./provider/types.ts";
import { findRedisBinary, startRedisServer } from "./redis-server.ts";
import { createTestUser, type TestUser } from "./test-user.ts";

export type { TestUser };

export type TestSystem = {
  /** The origin for the browser. */
  readonly origin: string;
  readonly provider: ProviderControl;
  readonly store: "redis" | "memory" | "unknown";
  /** Undefined for a system that was attached to. */
  readonly gateway: Pick<GatewayProcess, "output" | "restart"> | undefined;
  /** Every response of the gateway; undefined for a system that was attached to. */
  readonly exchanges: readonly Exchange[] | undefined;
  /** Secrets of the gateway, for leak searches. */
  readonly secrets: readonly Secret[];
  /** Adds a user with a random username and password. */
  createUser(input?: Partial<UserInput>): Promise<TestUser>;
  stop(): Promise<void>;
};

/** Base URLs by prefix, e.g. `{ "/api": "http://localhost:8000" }`, or the text of UPSTREAMS. */
export type Upstreams = Readonly<Record<string, string>> | string;

export type TestSystemOptions = {
  /** Folder with the built app (SPA_ROOT), relative to the working directory. */
  pages?: string;
  /** A function is called after the start of the provider, for example to start an API that validates its tokens. */
  upstreams?: Upstreams | ((provider: { issuer: string; resource: string }) => Upstreams | Promise<Upstreams>);
  /** Further settings of the gateway, e.g. `{ OIDC_SCOPE: "openid profile" }`. */
  env?: Readonly<Record<string, string>>;
  /**
   * A cloakroom.yaml instead of settings. It references what differs in a test: `${PUBLIC_ORIGIN}`, `${OIDC_ISSUER}`,
   * `${OIDC_CLIENT_ID}`, `${OIDC_CLIENT_SECRET}`. Other references come from `env` and from the environment of the tests.
   */
  config?: string;
  /** Default: a Redis server of its own if redis-server or valkey-server is on PATH, otherwise memory. */
  store?: "redis" | "memory";
  provider?: Omit<ProviderOptions, "host" | "port" | "issuer" | "clients">;
};

/** A running gateway whose provider is `cloakroom-provider`. */
export type AttachOptions = {
  /** The gateway's public origin. */
  origin: string;
  /** URL that cloakroom-provider prints as `control`. */
  control: string;
};

export async function attachToSystem({ origin, control }: AttachOptions): Promise<TestSystem> {
  const provider = await connectProvider(control);
  return {
    ...{ origin, provider, store: "unknown", gateway: undefined, exchanges: undefined, secrets: [] },
    createUser: (input) => createTestUser(provider, input),
    stop: () => Promise.resolve(),
  };
}

/** @throws GatewayStartError with the output of the gateway, after everything started has been stopped */
export async function startTestSystem(options: TestSystemOptions = {}): Promise<TestSystem> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const each of stops.splice(0).reverse()) await each().catch(() => undefined);
  };
  try {
    return { ...(await startComponents(options, stops)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startComponents(
  options: TestSystemOptions,
  stops: (() => Promise<void>)[],
): Promise<Omit<TestSystem, "stop">> {
  const redis = await startStore(options.store);
  if (redis !== undefined) stops.push(redis.stop);
  const [port, managementPort] = [await freePort(), await freePort()];
  const proxy = await startRecordingProxy(port);
  stops.push(proxy.stop);
  const origin = `http://localhost:${proxy.port}`;
  const [clientSecret, masterKey] = [randomSecret(), randomSecret()];
  const handle = await startProvider({
    // The lowest cost of scrypt: no password of a test needs protection.
    passwordCost: 2,
    ...options.provider,
    port: 0,
    clients: [{ ...clientRegistration(origin, clientSecret), allowClientCredentials: true }],
  });
  stops.push(handle.stop);
  const { issuer, resource } = handle;
  const upstreams =
    typeof options.upstreams === "function" ? await options.upstreams({ issuer, resource }) : options.upstreams;
  const gateway = await startGateway({
    env: environmentOf(options, {
      ...gatewayEnv({
        ...{ publicOrigin: origin, port, managementPort, issuer, clientSecret, apiUrl: undefined },
        redisUrl: redis?.url,
        spaRoot: options.pages === undefined ? undefined : resolve(options.pages),
      }),
      SECRET_KEYS: masterKey,
      POST_LOGOUT_PATH: "/",
      ...(upstreams === undefined ? {} : { UPSTREAMS: upstreamsText(upstreams) }),
      ...options.env,
    }),
    managementOrigin: `http://127.0.0.1:${managementPort}`,
  });
  stops.push(gateway.stop);
  const provider = createProviderControl(handle);
  return {
    ...{ origin, provider, gateway, store: redis === undefined ? "memory" : "redis", exchanges: proxy.exchanges },
    secrets: [{ kind: "master key", text: masterKey }],
    createUser: (input) => createTestUser(provider, input),
  };
}

const randomSecret = (): string => randomBytes(32).toString("base64url");

/** @returns undefined for the memory store */
async function startStore(wanted: TestSystemOptions["store"]) {
  if (wanted === "memory") return undefined;
  if (wanted === "redis" || findRedisBinary() !== undefined) return startRedisServer();
  process.stderr.write("@cloakroom/testing: no redis-server on PATH, so the gateway keeps its sessions in memory.\n");
  return undefined;
}

const upstreamsText = (upstreams: Upstreams): string =>
  typeof upstreams === "string"
    ? upstreams
    : Object.entries(upstreams)
        .map(([prefix, url]) => `${prefix}=${url}`)
        .join(",");

/** Settings of the process, which apply beside a configuration file. Those of an application must be referenced by the file. */
const PROCESS_SETTINGS = [
  "HOST",
  "PORT",
  "MANAGEMENT_HOST",
  "MANAGEMENT_PORT",
  "SECRET_KEYS",
  "REDIS_URL",
  "DRAIN_SECONDS",
];

function environmentOf({ config, env }: TestSystemOptions, settings: Record<string, string>): Record<string, string> {
  if (config === undefined) return settings;
  const file = resolve(config);
  const references = [...readFileSync(file, "utf8").matchAll(/(?<!\$)\$\{([A-Za-z_]\w*)(?::-|\})/g)];
  const names = [...PROCESS_SETTINGS, ...references.map(([, name = ""]) => name)];
  const chosen = names.flatMap((name) => {
    const value = settings[name] ?? process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  return { ...(Object.fromEntries(chosen) as Record<string, string>), ...env, CLOAKROOM_CONFIG: file };
}
