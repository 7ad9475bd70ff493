// The system on one machine: Redis, provider, resource API and gateway, started and stopped together.
import { randomBytes } from "node:crypto";
import { startResourceApi, type ApiOptions, type ResourceApi } from "./api/start-resource-api.ts";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { clientRegistration, gatewayEnv } from "@cloakroom/testing/gateway-env.ts";
import { startGateway, type GatewayOptions, type GatewayProcess } from "@cloakroom/testing/gateway-process.ts";
import { startProvider } from "@cloakroom/testing/provider/start-provider.ts";
import type { ProviderHandle, ProviderOptions } from "@cloakroom/testing/provider/types.ts";
import { findRedisBinary, startRedisServer, type RedisServer } from "@cloakroom/testing/redis-server.ts";

export type SystemOptions = {
  /** Default, and 0: any free port. */
  ports?: { gateway?: number; management?: number; provider?: number; api?: number };
  /** Default: the gateway's own port; another one if a proxy such as Vite's dev server is in front. */
  publicOrigin?: string;
  /** A URL, or `none` for the memory store. Default: REDIS_URL, else a server started from PATH, else `none`. */
  redis?: string;
  spaRoot?: string;
  provider?: Omit<ProviderOptions, "port" | "clients">;
  api?: Omit<ApiOptions, "port" | "issuer">;
  gatewayEnv?: Record<string, string>;
  gatewayEntry?: GatewayOptions["entry"];
  onGatewayLine?: GatewayOptions["onLine"];
  onGatewayExit?: GatewayOptions["onUnexpectedExit"];
};

export type RunningRedis = {
  /** Undefined for the memory store. */
  url: string | undefined;
  /** Undefined unless this system has started the server. */
  server: RedisServer | undefined;
};

export type System = {
  readonly origin: string;
  /** The gateway's own port, which differs from that of `origin` behind a proxy. */
  readonly gatewayPort: number;
  readonly managementOrigin: string;
  readonly provider: ProviderHandle;
  readonly api: ResourceApi;
  readonly redis: RunningRedis;
  readonly gateway: GatewayProcess;
  stop: () => Promise<void>;
};

/** @throws GatewayStartError, or an error of a listener, after everything started has been stopped */
export async function startSystem(options: SystemOptions = {}): Promise<System> {
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

async function startComponents(options: SystemOptions, stops: (() => Promise<void>)[]): Promise<Omit<System, "stop">> {
  const { ports = {} } = options;
  const redis = await startRedis(options.redis ?? process.env["REDIS_URL"]);
  if (redis.server !== undefined) stops.push(redis.server.stop);
  const port = ports.gateway || (await freePort());
  const managementPort = ports.management || (await freePort());
  const origin = options.publicOrigin ?? `http://localhost:${port}`;
  const clientSecret = randomBytes(32).toString("base64url");

  const client = clientRegistration(origin, clientSecret);
  const apiPort = ports.api || (await freePort());
  // The audience of the access tokens.
  const resource = `http://localhost:${apiPort}`;
  const provider = await startProvider({ resource, ...options.provider, port: ports.provider ?? 0, clients: [client] });
  stops.push(provider.stop);
  const api = await startResourceApi({
    audience: provider.resource,
    ...options.api,
    port: apiPort,
    issuer: provider.issuer,
  });
  stops.push(api.stop);
  const managementOrigin = `http://127.0.0.1:${managementPort}`;
  const gateway = await startGateway({
    env: {
      ...gatewayEnv({
        ...{ publicOrigin: origin, port, managementPort, clientSecret },
        ...{ issuer: provider.issuer, apiUrl: api.url, redisUrl: redis.url, spaRoot: options.spaRoot },
      }),
      ...options.gatewayEnv,
    },
    managementOrigin,
    ...(options.gatewayEntry === undefined ? {} : { entry: options.gatewayEntry }),
    ...(options.onGatewayLine === undefined ? {} : { onLine: options.onGatewayLine }),
    ...(options.onGatewayExit === undefined ? {} : { onUnexpectedExit: options.onGatewayExit }),
  });
  stops.push(gateway.stop);
  return { origin, gatewayPort: port, managementOrigin, provider, api, redis, gateway };
}

async function startRedis(wanted: string | undefined): Promise<RunningRedis> {
  if (wanted === "none") return { url: undefined, server: undefined };
  if (wanted !== undefined && wanted !== "") return { url: wanted, server: undefined };
  if (findRedisBinary() === undefined) return { url: undefined, server: undefined };
  const server = await startRedisServer();
  return { url: server.url, server };
}
