// The system under test with a real Keycloak: all workers share the Keycloak, each has its own gateway, API and Redis.
import { randomBytes } from "node:crypto";
import { startResourceApi } from "@cloakroom/demo/api/start-resource-api.ts";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { gatewayEnv } from "@cloakroom/testing/gateway-env.ts";
import { startGateway } from "@cloakroom/testing/gateway-process.ts";
import type { UserInput } from "@cloakroom/testing/provider/types.ts";
import {
  createClient,
  createUser,
  listProviderSessions,
  type TestClient,
} from "@cloakroom/testkit/keycloak/realm-fixtures.ts";
import { readSharedSystem } from "@cloakroom/testkit/keycloak/shared-system.ts";
import { keycloakAdmin, type KeycloakAdmin } from "@cloakroom/testkit/keycloak/admin.ts";
import { API_AUDIENCE } from "@cloakroom/testkit/keycloak/realm.ts";
import { startDurableRedis } from "./durable-redis.ts";
import { startRecordingProxy, type RecordingProxy } from "@cloakroom/testing/leaks/recording-proxy.ts";
import { startProviderProxy, type ProviderProxy } from "./provider-proxy.ts";
import { DEFAULT_ACCESS_TOKEN_SECONDS, type TestProvider, type TestSystem } from "./system.ts";

export async function startKeycloakSystem(): Promise<TestSystem> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    return { ...(await startComponents(stops)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startComponents(stops: (() => Promise<void>)[]): Promise<Omit<TestSystem, "stop">> {
  const stoppedLater = <T extends { stop: () => Promise<void> }>(component: T): T => {
    stops.push(component.stop);
    return component;
  };
  const { keycloak, spaRoot } = readSharedSystem();
  const admin = keycloakAdmin(keycloak);
  const [gatewayPort, managementPort] = [await freePort(), await freePort()];
  const redis = stoppedLater(await startDurableRedis());
  const providerProxy = stoppedLater(await startProviderProxy(keycloak.origin));
  const proxy = stoppedLater(
    await startRecordingProxy(gatewayPort, (token) => providerProxy.issued.logoutTokens.push(token)),
  );
  const origin = `http://localhost:${proxy.port}`;
  const client = await createClient(admin, origin, {
    "access.token.lifespan": String(DEFAULT_ACCESS_TOKEN_SECONDS),
  });
  providerProxy.issued.clientSecrets.push(client.secret);
  const api = stoppedLater(
    await startResourceApi({ port: 0, issuer: keycloak.issuer, audience: API_AUDIENCE, recordRequests: true }),
  );
  const masterKey = randomBytes(32).toString("base64url");
  const managementOrigin = `http://127.0.0.1:${managementPort}`;
  const gateway = stoppedLater(
    await startGateway({
      env: {
        ...gatewayEnv({
          ...{ publicOrigin: origin, port: gatewayPort, managementPort, issuer: keycloak.issuer },
          ...{ apiUrl: api.url, clientSecret: client.secret, redisUrl: redis.url, spaRoot },
        }),
        ...{ OIDC_CLIENT_ID: client.clientId, OIDC_INTERNAL_URL: providerProxy.origin },
        ...{ SECRET_KEYS: masterKey, LOG_LEVEL: "debug" },
      },
      managementOrigin,
      readyWithinMs: 60_000,
    }),
  );
  const provider = testProvider({ issuer: keycloak.issuer, admin, client, providerProxy, gatewayProxy: proxy });
  return {
    ...{ origin, gatewayPort, managementOrigin, api, gateway, redis, provider },
    ...{ exchanges: proxy.exchanges, masterKey },
  };
}

type ProviderDependencies = {
  issuer: string;
  admin: KeycloakAdmin;
  client: TestClient;
  providerProxy: ProviderProxy;
  gatewayProxy: RecordingProxy;
};

function testProvider({ issuer, admin, client, providerProxy, gatewayProxy }: ProviderDependencies): TestProvider {
  const { count, resetCounts, down, up } = providerProxy;
  return {
    ...{ issuer, count, resetCounts, down, up },
    // Codes of callbacks too: some logins are abandoned before the gateway redeems theirs.
    issuedTokens: () => ({
      ...providerProxy.issued,
      codes: [...new Set([...providerProxy.issued.codes, ...callbackCodes(gatewayProxy)])],
    }),
    async endSession(sub) {
      const ended = (await listProviderSessions(admin, { id: sub })).length;
      await admin.send("POST", `/demo/users/${sub}/logout`);
      return ended;
    },
    addUser: (user) => addUser(admin, user),
    async setAccessTokenLifetime(seconds) {
      const [registration] = await admin.get<{ id: string; attributes: Record<string, string> }[]>(
        `/demo/clients?clientId=${client.clientId}`,
      );
      if (registration === undefined) throw new Error(`Keycloak has no client ${client.clientId}`);
      const attributes = { ...registration.attributes, "access.token.lifespan": String(seconds) };
      await admin.send("PUT", `/demo/clients/${registration.id}`, { ...registration, attributes });
    },
  };
}

async function addUser(admin: KeycloakAdmin, { username, password, name = username, ...rest }: UserInput) {
  const [firstName = username, ...lastNames] = name.split(" ");
  const { roles = ["user"], department = "engineering", email = `${username}@example.com` } = rest;
  const groups = ["/engineering", ...(roles.includes("admin") ? ["/administrators"] : [])];
  const { id } = await createUser(admin, {
    ...{ username, password, firstName, lastName: lastNames.join(" ") || username },
    ...{ groups, department, email },
  });
  return { sub: id, username, name, email, roles, department };
}

function callbackCodes({ exchanges }: RecordingProxy): string[] {
  return exchanges.flatMap(({ url }) => {
    const [path, query] = url.split("?");
    const code = path === "/bff/callback" ? new URLSearchParams(query).get("code") : null;
    // Codes that tests invent are shorter.
    return code !== null && code.length >= 32 ? [code] : [];
  });
}
