// Starts the system on a real Keycloak: Redis, Keycloak, the resource API and the gateway.
import { randomBytes } from "node:crypto";
import { testAuthority } from "../certificates.ts";
import { launchGateway } from "./gateways.ts";
import type { SharedSystem } from "./shared-system.ts";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { startRedisServer } from "@cloakroom/testing/redis-server.ts";
import { startApiProcess } from "./api-process.ts";
import { API_AUDIENCE, CLIENT_ID } from "./realm.ts";
import { startKeycloak } from "./start-keycloak.ts";

export type SystemOptions = {
  spaRoot: string;
  logFile: string;
  log?: (line: string) => void;
  onKeycloakOutput?: (text: string) => void;
};

export type SystemOnKeycloak = { shared: SharedSystem; stop: () => Promise<void> };

/** Stops everything again if a part does not start. @throws KeycloakUnavailable */
export async function startSystemOnKeycloak(options: SystemOptions): Promise<SystemOnKeycloak> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each().catch(() => undefined);
  };
  try {
    return { shared: await startServices(options, stops), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startServices(
  { spaRoot, logFile, log, onKeycloakOutput }: SystemOptions,
  stops: (() => Promise<void>)[],
): Promise<SharedSystem> {
  const secret = () => randomBytes(24).toString("base64url");
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  const passwords = { alice: secret(), admin: secret() };
  const clientSecret = secret();
  const authority = testAuthority();
  const startedAtMs = Date.now();
  const keycloak = await startKeycloak({
    realm: {
      CLOAKROOM_ORIGIN: origin,
      CLOAKROOM_BACKCHANNEL_ORIGIN: origin,
      CLOAKROOM_CLIENT_SECRET: clientSecret,
      CLOAKROOM_ALICE_PASSWORD: passwords.alice,
      CLOAKROOM_ADMIN_PASSWORD: passwords.admin,
    },
    trustedAuthority: authority.cert,
    ...(log === undefined ? {} : { log }),
    ...(onKeycloakOutput === undefined ? {} : { onOutput: onKeycloakOutput }),
  });
  stops.push(keycloak.stop);
  log?.(`Keycloak is ready after ${((Date.now() - startedAtMs) / 1000).toFixed(1)} s.`);
  const redis = await startRedisServer();
  stops.push(redis.stop);
  const api = await startApiProcess({ issuer: keycloak.issuer, audience: API_AUDIENCE });
  stops.push(api.stop);
  const shared = {
    keycloak: { origin: keycloak.origin, issuer: keycloak.issuer, admin: keycloak.admin, logFile },
    redisUrl: redis.url,
    apiUrl: api.url,
    spaRoot,
    passwords,
    certificate: authority.issue("localhost"),
  };
  const options = { origin, port, client: { clientId: CLIENT_ID, secret: clientSecret } };
  const gateway = await launchGateway({ ...shared, gateway: { origin, managementOrigin: "", clientSecret } }, options);
  stops.push(gateway.process.stop);
  return { ...shared, gateway: { origin, managementOrigin: gateway.managementOrigin, clientSecret } };
}
