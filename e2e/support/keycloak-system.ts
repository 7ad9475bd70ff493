// The same system with a real Keycloak in it: one Keycloak for all workers, everything else a worker's own.
import { randomBytes } from "node:crypto";
import { startResourceApi } from "../../demo/src/api/start-api.ts";
import { freePort } from "../../demo/src/free-port.ts";
import { gatewayEnv } from "../../demo/src/gateway-env.ts";
import { startGateway } from "../../demo/src/gateway-process.ts";
import type { UserInput } from "../../demo/src/provider/types.ts";
import { createClient, createUser, providerSessions, type TestClient } from "../../e2e-keycloak/support/realm-parts.ts";
import { world as readWorld } from "../../e2e-keycloak/support/world.ts";
import { keycloakAdmin, type KeycloakAdmin } from "../../scripts/keycloak/admin.ts";
import { API_AUDIENCE } from "../../scripts/keycloak/realm.ts";
import { startDurableRedis } from "./durable-redis.ts";
import { startProviderWire, type ProviderWire } from "./provider-wire.ts";
import { USUAL_ACCESS_TOKEN_SECONDS, type TestProvider, type TestSystem } from "./system.ts";
import { startTap, type Tap } from "./tap.ts";

export async function startKeycloakSystem(): Promise<TestSystem> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    return { ...(await startParts(stops)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(stops: (() => Promise<void>)[]): Promise<Omit<TestSystem, "stop">> {
  const kept = <T extends { stop: () => Promise<void> }>(part: T): T => {
    stops.push(part.stop);
    return part;
  };
  const { keycloak, spaRoot } = readWorld();
  const admin = keycloakAdmin(keycloak);
  const [gatewayPort, managementPort] = [await freePort(), await freePort()];
  const redis = kept(await startDurableRedis());
  const wire = kept(await startProviderWire(keycloak.origin));
  const tap = kept(await startTap(gatewayPort, (token) => wire.issued.logoutTokens.push(token)));
  const origin = `http://localhost:${tap.port}`;
  const client = await createClient(admin, origin, {
    "access.token.lifespan": String(USUAL_ACCESS_TOKEN_SECONDS),
  });
  wire.issued.clientSecrets.push(client.secret);
  const api = kept(
    await startResourceApi({ port: 0, issuer: keycloak.issuer, audience: API_AUDIENCE, recordRequests: true }),
  );
  const masterKey = randomBytes(32).toString("base64url");
  const managementOrigin = `http://127.0.0.1:${managementPort}`;
  const address = { publicOrigin: origin, port: gatewayPort, managementPort };
  const parts = { issuer: keycloak.issuer, apiUrl: api.url, clientSecret: client.secret, redisUrl: redis.url, spaRoot };
  const gateway = kept(
    await startGateway({
      env: {
        ...gatewayEnv({ ...address, ...parts }),
        ...{ OIDC_CLIENT_ID: client.clientId, OIDC_INTERNAL_URL: wire.origin },
        ...{ SECRET_KEYS: masterKey, LOG_LEVEL: "debug" },
      },
      managementOrigin,
      readyWithinMs: 60_000,
    }),
  );
  const provider = providerOf({ issuer: keycloak.issuer, admin, client, wire, tap });
  return { origin, gatewayPort, managementOrigin, api, gateway, redis, provider, exchanges: tap.exchanges, masterKey };
}

type ProviderParts = { issuer: string; admin: KeycloakAdmin; client: TestClient; wire: ProviderWire; tap: Tap };

function providerOf({ issuer, admin, client, wire, tap }: ProviderParts): TestProvider {
  const { count, resetCounts, down, up } = wire;
  return {
    ...{ issuer, count, resetCounts, down, up },
    // Codes as the browser brought them: of some logins the gateway never gets to see one.
    issuedTokens: () => ({ ...wire.issued, codes: [...new Set([...wire.issued.codes, ...codesOn(tap)])] }),
    async endSession(sub) {
      const ended = (await providerSessions(admin, { id: sub })).length;
      await admin.send("POST", `/demo/users/${sub}/logout`);
      return ended;
    },
    addUser: (user) => addUser(admin, user),
    async issueAccessTokensFor(seconds) {
      const [registration] = await admin.get<{ id: string; attributes: Record<string, string> }[]>(
        `/demo/clients?clientId=${client.clientId}`,
      );
      if (registration === undefined) throw new Error(`Keycloak has no client ${client.clientId}`);
      const attributes = { ...registration.attributes, "access.token.lifespan": String(seconds) };
      await admin.send("PUT", `/demo/clients/${registration.id}`, { ...registration, attributes });
    },
  };
}

async function addUser(admin: KeycloakAdmin, { username, password, name = username, ...wishes }: UserInput) {
  const [firstName = username, ...lastNames] = name.split(" ");
  const { roles = ["user"], department = "engineering", email = `${username}@example.com` } = wishes;
  const groups = ["/engineering", ...(roles.includes("admin") ? ["/administrators"] : [])];
  const { id } = await createUser(admin, {
    ...{ username, password, firstName, lastName: lastNames.join(" ") || username },
    ...{ groups, department, email },
  });
  return { sub: id, username, name, email, roles, department };
}

function codesOn({ exchanges }: Tap): string[] {
  return exchanges.flatMap(({ url }) => {
    const [path, query] = url.split("?");
    const code = path === "/bff/callback" ? new URLSearchParams(query).get("code") : null;
    // What a test makes up is shorter.
    return code !== null && code.length >= 32 ? [code] : [];
  });
}
