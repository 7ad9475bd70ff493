// Gateways started by tests, each with its own client in the realm: a second application, or one with other settings.
import { randomBytes } from "node:crypto";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { gatewayEnv } from "@cloakroom/testing/gateway-env.ts";
import { startGateway, type GatewayProcess } from "@cloakroom/testing/gateway-process.ts";
import type { KeycloakAdmin } from "./admin.ts";
import { createClient, type TestClient } from "./realm-fixtures.ts";
import type { SharedSystem } from "./shared-system.ts";

export type TestGateway = {
  origin: string;
  managementOrigin: string;
  port: number;
  process: GatewayProcess;
  /** Starts a second instance with the same settings and keys on another port. */
  startReplica: () => Promise<TestGateway>;
};

export type GatewayOptions = {
  /** Cookies ignore ports: a second application needs another host. */
  host?: "localhost" | "127.0.0.1";
  clientAttributes?: Record<string, string>;
} & LaunchOptions;

type LaunchOptions = {
  env?: Record<string, string>;
  /** `alive` for a gateway that cannot become ready with its settings or provider. Default: `ready`. */
  waitFor?: "ready" | "alive";
};

export async function startGatewayWithOwnClient(
  system: SharedSystem,
  admin: KeycloakAdmin,
  options: GatewayOptions = {},
) {
  const port = await freePort();
  const origin = `http://${options.host ?? "localhost"}:${port}`;
  const client = await createClient(admin, origin, options.clientAttributes);
  return launchGateway(system, { origin, port, client }, options);
}

type Identity = { origin: string; port: number; client: TestClient };
/** Replicas use the same keys, so that they can read each other's records. */
type Keys = { secretKeys: string };

export async function launchGateway(
  system: SharedSystem,
  { origin, port, client }: Identity,
  options: LaunchOptions = {},
  keys: Keys = { secretKeys: randomBytes(32).toString("base64url") },
): Promise<TestGateway> {
  const managementPort = await freePort();
  const managementOrigin = `http://127.0.0.1:${managementPort}`;
  const process = await startGateway({
    readyWithinMs: 60_000,
    // startGateway appends /readyz: the question mark turns it into the query of a request to /livez.
    managementOrigin: options.waitFor === "alive" ? `${managementOrigin}/livez?` : managementOrigin,
    env: {
      ...gatewayEnv({
        publicOrigin: origin,
        port,
        managementPort,
        issuer: system.keycloak.issuer,
        apiUrl: system.apiUrl,
        clientSecret: client.secret,
        redisUrl: system.redisUrl,
        spaRoot: system.spaRoot,
      }),
      OIDC_CLIENT_ID: client.clientId,
      ACCOUNT_URL: `${system.keycloak.issuer}/account/?referrer=${client.clientId}`,
      SECRET_KEYS: keys.secretKeys,
      ...options.env,
    },
  });
  return {
    origin,
    managementOrigin,
    port,
    process,
    startReplica: async () => launchGateway(system, { origin, port: await freePort(), client }, options, keys),
  };
}
