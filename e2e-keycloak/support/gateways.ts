// A second gateway: another application of the same company, with a client of its own.
import { randomBytes } from "node:crypto";
import { freePort } from "../../demo/src/free-port.ts";
import { gatewayEnv } from "../../demo/src/gateway-env.ts";
import { startGateway, type GatewayProcess } from "../../demo/src/gateway-process.ts";
import type { KeycloakAdmin } from "../../scripts/keycloak/admin.ts";
import { createClient, type TestClient } from "./realm-parts.ts";
import type { World } from "./world.ts";

export type TestGateway = {
  origin: string;
  managementOrigin: string;
  port: number;
  process: GatewayProcess;
  /** A second instance with the same settings on a port of its own. */
  twin: () => Promise<TestGateway>;
};

export type GatewayWishes = {
  /** Cookies know no ports: two applications on one host would share theirs. */
  host?: "localhost" | "127.0.0.1";
  clientAttributes?: Record<string, string>;
} & LaunchWishes;

type LaunchWishes = {
  env?: Record<string, string>;
  /** `alive`: one that cannot become ready, because something is wrong with its settings or its provider. */
  until?: "ready" | "alive";
};

export async function startOwnGateway(world: World, admin: KeycloakAdmin, wishes: GatewayWishes = {}) {
  const port = await freePort();
  const origin = `http://${wishes.host ?? "localhost"}:${port}`;
  const client = await createClient(admin, origin, wishes.clientAttributes);
  return launchGateway(world, { origin, port, client }, wishes);
}

type Place = { origin: string; port: number; client: TestClient };
/** Instances of one gateway must read each other's records. */
type Shared = { secretKeys: string };

export async function launchGateway(
  world: World,
  { origin, port, client }: Place,
  wishes: LaunchWishes = {},
  shared: Shared = { secretKeys: randomBytes(32).toString("base64url") },
): Promise<TestGateway> {
  const managementPort = await freePort();
  const managementOrigin = `http://127.0.0.1:${managementPort}`;
  const process = await startGateway({
    // With the question mark, /readyz is but the query of a question to /livez.
    readyWithinMs: 60_000,
    managementOrigin: wishes.until === "alive" ? `${managementOrigin}/livez?` : managementOrigin,
    env: {
      ...gatewayEnv({
        publicOrigin: origin,
        port,
        managementPort,
        issuer: world.keycloak.issuer,
        apiUrl: world.apiUrl,
        clientSecret: client.secret,
        redisUrl: world.redisUrl,
        spaRoot: world.spaRoot,
      }),
      OIDC_CLIENT_ID: client.clientId,
      ACCOUNT_URL: `${world.keycloak.issuer}/account/?referrer=${client.clientId}`,
      SECRET_KEYS: shared.secretKeys,
      ...wishes.env,
    },
  });
  return {
    origin,
    managementOrigin,
    port,
    process,
    twin: async () => launchGateway(world, { origin, port: await freePort(), client }, wishes, shared),
  };
}
