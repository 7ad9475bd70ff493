// The gateway with default settings: with the session cache, with a Redis read per request, with two workers.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { SETTINGS } from "@cloakroom/gateway/src/config/settings.ts";
import { Missing, type BenchEnvironment, type Contestant, type Running } from "../contestant.ts";
import { startNode } from "../start-process.ts";

/** Audience of the provider's access tokens. */
const RESOURCE = "http://localhost:8000";

type GatewayOptions = { name: string; env: Record<string, string | undefined>; file?: string };

/** Starts the gateway with default settings and those of `env`. */
export async function startGatewayOf(
  environment: BenchEnvironment,
  port: number,
  { name, env, file = "bff/src/main.ts" }: GatewayOptions,
): Promise<Running> {
  return startNode({
    name,
    file,
    port,
    env: {
      MANAGEMENT_PORT: String(await freePort()),
      PUBLIC_ORIGIN: `http://localhost:${port}`,
      OIDC_ISSUER: environment.issuer,
      OIDC_CLIENT_ID: environment.client.clientId,
      OIDC_CLIENT_SECRET: environment.client.clientSecret,
      SECRET_KEYS: Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url"),
      REDIS_URL: environment.redis.url,
      UPSTREAMS: `/api=${environment.upstream}`,
      DRAIN_SECONDS: "0",
      ...env,
    },
  });
}

type Variant = Pick<Contestant, "credentials"> & {
  id: string;
  name: string;
  about: string;
  /** The setting that distinguishes this variant. */
  needs?: string;
  env: Record<string, string>;
  /** Keys of the upstream row beside prefix and baseUrl. */
  row?: Record<string, unknown>;
  file?: string;
};

function variant({ id, name, about, needs, env, row, file = "bff/src/main.ts", ...rest }: Variant): Contestant {
  return {
    ...{ id, name, about, ...rest },
    login: { path: "/bff/login", callbackPath: "/bff/callback" },
    headers: { "x-csrf": "1", "sec-fetch-site": "same-origin" },
    start: async (environment, port) => {
      if (needs !== undefined && !(needs in SETTINGS)) throw new Missing(`this build has no setting ${needs}`);
      const upstreams = row === undefined ? {} : rowsFile(environment, id, row);
      return startGatewayOf(environment, port, { name: id, env: { ...upstreams, ...env }, file });
    },
  };
}

function rowsFile({ folder, upstream }: BenchEnvironment, id: string, row: Record<string, unknown>) {
  const file = join(folder, `${id}-rows.json`);
  writeFileSync(file, JSON.stringify([{ prefix: "/api", baseUrl: upstream, ...row }]));
  return { UPSTREAMS: undefined, UPSTREAMS_FILE: file };
}

export const cloakroomCached = variant({
  id: "cloakroom-cache",
  name: "Cloakroom",
  about: "as it ships: session cache, emptied by Redis' notifications",
  needs: "SESSION_CACHE_SECONDS",
  env: {},
});

export const cloakroomReading = variant({
  id: "cloakroom",
  name: "Cloakroom, Redis read",
  about: "the session cache off: Redis is asked on every request",
  env: { SESSION_CACHE_SECONDS: "0" },
});

export const cloakroomWorkers = variant({
  id: "cloakroom-workers",
  name: "Cloakroom, 2 workers",
  about: "as it ships, two processes on one port",
  needs: "WORKERS",
  env: { WORKERS: "2" },
});

export const cloakroomDpop = variant({
  id: "cloakroom-dpop",
  name: "Cloakroom, DPoP",
  about: "as it ships, with DPoP-bound access tokens: one signature per request",
  needs: "OIDC_SENDER_CONSTRAINED",
  env: { OIDC_SENDER_CONSTRAINED: "dpop" },
});

export const cloakroomIdentity = variant({
  id: "cloakroom-identity",
  name: "Cloakroom, identity headers",
  about: "as it ships, with three identity headers",
  env: {},
  row: { identityHeaders: { "X-User": "sub", "X-User-Email": "email", "X-User-Roles": "roles" } },
});

export const cloakroomBearer = variant({
  id: "cloakroom-bearer",
  name: "Cloakroom, machine clients",
  about: "a row with `access: bearer`: clients with JWTs instead of sessions, as many as the others have sessions",
  env: {},
  row: { access: "bearer", bearer: { audience: RESOURCE } },
  credentials: async ({ issuer, client }) => {
    const basic = Buffer.from(`${client.clientId}:${client.clientSecret}`).toString("base64");
    const response = await fetch(`${issuer}/token`, {
      method: "POST",
      headers: { authorization: `Basic ${basic}` },
      body: new URLSearchParams({ grant_type: "client_credentials" }),
    });
    const { access_token: token } = (await response.json()) as { access_token: string };
    return { authorization: `Bearer ${token}` };
  },
});

/** BENCH_OTHER: main.ts of another checkout, to compare two versions in one run. */
export const cloakroomOther: readonly Contestant[] =
  process.env["BENCH_OTHER"] === undefined
    ? []
    : [
        variant({
          id: "cloakroom-other",
          name: "Cloakroom (other)",
          about: "the gateway named by BENCH_OTHER",
          env:
            process.env["BENCH_OTHER_CACHE"] === undefined
              ? {}
              : { SESSION_CACHE_SECONDS: process.env["BENCH_OTHER_CACHE"] },
          file: process.env["BENCH_OTHER"],
        }),
      ];
