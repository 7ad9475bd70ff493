// Log out everywhere with Keycloak: against a stand-in with the URLs and responses of Keycloak 26.7.
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startRedis, type TestRedis } from "@cloakroom/testkit/test-redis.ts";
import { testKeys } from "@cloakroom/testkit/stored-session.ts";

const ADMIN = { KEYCLOAK_ADMIN_CLIENT_ID: "sessionadmin", KEYCLOAK_ADMIN_CLIENT_SECRET: "asecretofthetests" };
const adminBearer = `Bearer of-Basic ${Buffer.from("sessionadmin:asecretofthetests").toString("base64")}`;

let keycloak: HostileProvider;
let redis: TestRedis;
let gateway: TestGateway;
/** Requests that the Admin REST API received. */
const asked: { method: string; path: string; bearer: string | undefined }[] = [];
/** Status for authenticated requests; undefined: as Keycloak responds. */
let status: number | undefined;

const statusOf = ({ method, url = "", headers }: IncomingMessage): number => {
  if (!url.startsWith("/admin/realms/demo/")) return 404;
  if (headers.authorization !== adminBearer) return 401;
  return status ?? (method === "POST" && url.endsWith("/logout") ? 204 : 404);
};

beforeAll(async () => {
  keycloak = await startHostileProvider({
    path: "/realms/demo",
    beside(request, response) {
      const { method = "", url = "", headers } = request;
      asked.push({ method, path: url, bearer: headers.authorization });
      response.writeHead(statusOf(request)).end();
    },
  });
  redis = await startRedis();
  gateway = await startGateway({ ...keycloak, redisUrl: redis.url, env: ADMIN });
});
afterAll(async () => {
  await gateway.stop();
  await keycloak.stop();
  await redis.stop();
});
afterEach(() => {
  keycloak.overrides = {};
  status = undefined;
  asked.length = 0;
});

const READY = { status: "ok" };

it.each(["off", "dpop"])("OIDC_SENDER_CONSTRAINED=%s: the service account gets a bearer token", async (mode) => {
  const other = await startGateway({ ...keycloak, env: { ...ADMIN, OIDC_SENDER_CONSTRAINED: mode } });
  expect(await other.readiness("keycloak-admin")).toEqual(READY);
  await other.stop();
});

const everywhere = async (subject: string) => {
  keycloak.overrides = { claims: (claims) => ({ ...claims, sub: subject }) };
  const browser = testBrowser(gateway.origin);
  expect((await browser.login()).status).toBe(303);
  const response = await browser.fetch("/bff/sessions", { method: "DELETE", headers: { accept: "application/json" } });
  return { browser, status: response.status, body: (await response.json()) as { location: string; provider?: string } };
};

describe("log out everywhere", () => {
  it("log out everywhere ends the user's sessions at Keycloak with the admin client", async () => {
    const { status: response, body } = await everywhere("user-1/../other");
    expect(response).toBe(200);
    expect(body).toEqual({ location: expect.any(String) as string, provider: "ended" });
    expect(asked).toEqual([
      { method: "POST", path: "/admin/realms/demo/users/user-1%2F..%2Fother/logout", bearer: adminBearer },
    ]);
    expect(gateway.events("provider_sessions_ended")).toMatchObject([{ subject: "user-1/../other" }]);
  });

  it("log out everywhere reports an error of Keycloak and ends the gateway's sessions", async () => {
    status = 500;
    const { browser, status: response, body } = await everywhere("user-2");
    expect([response, body.provider]).toEqual([200, "unreachable"]);
    expect(await (await browser.fetch("/bff/user")).json()).toEqual({ user: null, session: null });
    expect(gateway.log.join("\n")).toContain("Keycloak's Admin REST API responded 500");
    expect(gateway.log.join("\n")).not.toContain(adminBearer);
  });

  it("log out everywhere treats a user that Keycloak has deleted as logged out", async () => {
    status = 404;
    expect((await everywhere("user-3")).body.provider).toBe("ended");
  });

  it("log out everywhere sends no request to Keycloak without KEYCLOAK_ADMIN_CLIENT_ID", async () => {
    const plain = await startGateway({ ...keycloak, redisUrl: redis.url });
    const browser = testBrowser(plain.origin);
    await browser.login();
    const response = await browser.fetch("/bff/sessions", {
      method: "DELETE",
      headers: { accept: "application/json" },
    });
    expect(Object.keys((await response.json()) as object)).toEqual(["location"]);
    expect(asked).toEqual([]);
    await plain.stop();
  });
});

describe("npm run sessions -- end-user", () => {
  const admin = async (env: Record<string, string>) => {
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, "../../src/cli/sessions.ts"), "end-user", "--subject", "alice"],
      {
        env: {
          PATH: process.env["PATH"] ?? "",
          OIDC_ISSUER: keycloak.issuer,
          OIDC_CLIENT_ID: keycloak.clientId,
          OIDC_CLIENT_SECRET: keycloak.clientSecret,
          SECRET_KEYS: testKeys.map((key) => key.toString("base64url")).join(","),
          REDIS_URL: redis.url,
          ...env,
        },
      },
    );
    let [out, err] = ["", ""];
    child.stdout.on("data", (text: Buffer) => (out += text.toString()));
    child.stderr.on("data", (text: Buffer) => (err += text.toString()));
    const [code] = (await once(child, "close")) as [number];
    return { code, out, err };
  };

  it("npm run sessions -- end-user ends the user's sessions at Keycloak", async () => {
    expect(await admin(ADMIN)).toMatchObject({ code: 0, out: expect.stringContaining("Keycloak ended") as string });
    expect(asked).toMatchObject([{ method: "POST", path: "/admin/realms/demo/users/alice/logout" }]);
  }, 30_000);

  it("npm run sessions -- end-user reports an error of Keycloak after it has ended the gateway's sessions", async () => {
    status = 403;
    const { code, out, err } = await admin(ADMIN);
    expect([code, out]).toEqual([1, "0 sessions ended\n"]);
    expect(err).toMatch(/sessions at Keycloak were not ended: the service account .* manage-users/);
  }, 30_000);
});

describe("/readyz with KEYCLOAK_ADMIN_CLIENT_ID, while logins work", () => {
  const detailWith = async (options: Partial<HostileProvider> = {}, env: Record<string, string> = ADMIN) => {
    const other = await startGateway({ ...keycloak, ...options, env });
    const result = await other.readiness("keycloak-admin");
    await other.stop();
    return result;
  };

  it("/readyz with KEYCLOAK_ADMIN_CLIENT_ID is ok with a working client, and the check has no effect", async () => {
    expect(await detailWith()).toEqual({ status: "ok" });
    expect(asked.map(({ method, bearer }) => [method, bearer])).toEqual([
      ["DELETE", undefined],
      ["DELETE", adminBearer],
    ]);
    expect(asked[0]!.path).toMatch(/^\/admin\/realms\/demo\/sessions\/[\w-]{36}$/);
  });

  it.each([
    ["reports a wrong secret or a missing service account", { status: 401, error: "unauthorized_client" }],
    ["reports an unknown client", { status: 401, error: "invalid_client" }],
  ])("/readyz with KEYCLOAK_ADMIN_CLIENT_ID %s", async (_what, clientToken) => {
    keycloak.overrides = { clientToken };
    expect(await detailWith()).toMatchObject({
      status: "degraded",
      detail: expect.stringMatching(/KEYCLOAK_ADMIN_CLIENT_SECRET .* service account/) as string,
    });
  });

  it("/readyz with KEYCLOAK_ADMIN_CLIENT_ID reports a missing role", async () => {
    status = 403;
    expect(await detailWith()).toMatchObject({ detail: expect.stringContaining("manage-users") as string });
  });

  it("/readyz with KEYCLOAK_ADMIN_CLIENT_ID reports a missing Admin REST API", async () => {
    const closed = await startHostileProvider({
      path: "/realms/demo",
      beside: (_request, response) => void response.writeHead(404).end(),
    });
    const result = await detailWith(closed);
    expect(result).toMatchObject({
      detail: expect.stringMatching(/no Admin REST API at .*\/admin\/realms\/demo/) as string,
    });
    await closed.stop();
  });
});

describe("an invalid setting prevents startup", () => {
  const start = (env: Record<string, string>, issuer = keycloak.issuer) => startGateway({ ...keycloak, issuer, env });

  it.each([
    ["an id without a secret", { KEYCLOAK_ADMIN_CLIENT_ID: "sessionadmin" }, /must be set together/],
    [
      "the id of OIDC_CLIENT_ID",
      { ...ADMIN, KEYCLOAK_ADMIN_CLIENT_ID: "cloakroom-test" },
      /Register a separate client/,
    ],
  ])("an invalid Keycloak setting prevents startup: %s", async (_what, env, fault) => {
    await expect(start(env)).rejects.toThrow(fault);
  });

  it("an issuer that is not a realm prevents startup if KEYCLOAK_ADMIN_CLIENT_ID is set", async () => {
    await expect(start(ADMIN, "http://127.0.0.1:9/other")).rejects.toThrow(/realm of Keycloak/);
  });
});
