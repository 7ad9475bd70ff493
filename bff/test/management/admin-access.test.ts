// Access to the admin API: tokens, browsers, DNS rebinding, rate limit of rejections.
import { writeFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { testKeys, testApplication } from "@cloakroom/testkit/stored-session.ts";
import { loadConfig } from "../../src/config/config.ts";
import { parseAdminTokens } from "../../src/config/admin-token.ts";
import { createManagementServer } from "../../src/management/management-server.ts";
import { createRejectionLimit } from "../../src/management/admin/admin-access.ts";
import { createMetrics } from "../../src/metrics/metrics.ts";
import { createMemoryStore } from "../../src/store/memory-store.ts";
import { ADMIN_TOKEN, call, startAdminApi, testTokens } from "../support/admin-api.ts";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { VARIABLES } from "../../src/config/setting-words.ts";

const env = {
  OIDC_ISSUER: "https://provider.test",
  OIDC_CLIENT_ID: "cloakroom",
  OIDC_CLIENT_SECRET: "a-client-secret-of-the-tests",
  SECRET_KEYS: testKeys.map((key) => key.toString("base64url")).join(","),
  APP_ID: testApplication,
  PUBLIC_ORIGIN: "https://app.test",
};
const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

type Options = Partial<Parameters<typeof startAdminApi>[0]>;
async function start(options: Options = {}) {
  const store = createMemoryStore();
  const api = await startAdminApi({ gateways: [{ config: loadConfig(env), store }], ...options });
  stops.push(api.stop, () => void store.close());
  return api;
}

const LIST = "/admin/applications";

describe("a token of the admin API", () => {
  it.each<[string, string | undefined, number]>([
    ["the right one", `Bearer ${ADMIN_TOKEN}`, 200],
    ["the scheme in lower case", `bearer ${ADMIN_TOKEN}`, 200],
    ["none", undefined, 401],
    ["an empty one", "Bearer ", 401],
    ["the scheme alone", "Bearer", 401],
    ["another one", `Bearer ${Buffer.from("another token of at least 32 bytes").toString("base64")}`, 401],
    ["its beginning", `Bearer ${ADMIN_TOKEN.slice(0, -4)}`, 401],
    ["something behind it", `Bearer ${ADMIN_TOKEN}A`, 401],
    ["something behind a blank", `Bearer ${ADMIN_TOKEN} x`, 401],
    ["another case", `Bearer ${ADMIN_TOKEN.toLowerCase()}`, 401],
    ["its name", "Bearer tests", 401],
    ["name and token", `Bearer tests:${ADMIN_TOKEN}`, 401],
    ["Basic", `Basic ${Buffer.from(`admin:${ADMIN_TOKEN}`).toString("base64")}`, 401],
    ["Basic with the token as credentials", `Basic ${ADMIN_TOKEN}`, 401],
    ["another scheme with Bearer inside", `DPoP Bearer ${ADMIN_TOKEN}`, 401],
  ])("a token of the admin API: %s", async (_what, authorization, status) => {
    const api = await start();
    const response = await api.call("GET", LIST, { authorization });
    expect(response.status).toBe(status);
    if (status === 200) return;
    expect(response.headers["www-authenticate"]).toBe('Bearer realm="admin"');
    expect(response.headers["content-type"]).toBe("application/problem+json; charset=utf-8");
    expect(response.body["code"]).toBe("admin_token_rejected");
    expect(api.events("admin_access_rejected")).toMatchObject([{ code: "admin_token_rejected", path: LIST }]);
    expect(api.log.join("\n")).not.toContain(ADMIN_TOKEN.slice(0, 16));
  });

  it.each([
    ["the query", `${LIST}?access_token=${encodeURIComponent(ADMIN_TOKEN)}`, {}],
    ["a cookie", LIST, { cookie: `admin=${ADMIN_TOKEN}; __Host-Http-session=${ADMIN_TOKEN}` }],
    ["another header", LIST, { "x-admin-token": ADMIN_TOKEN, "proxy-authorization": `Bearer ${ADMIN_TOKEN}` }],
  ])("a token in %s is not accepted", async (_where, path, headers) => {
    const api = await start();
    expect((await api.call("GET", path, { authorization: undefined, ...headers })).status).toBe(401);
  });

  it("each named token is accepted, and its name is in the audit log", async () => {
    const [alice, ci] = ["alice-".repeat(8), "continuous-integration-token-0123456789abcdef"].map((text) =>
      Buffer.from(text).toString("base64url"),
    );
    const parsed = parseAdminTokens(`alice:${alice}, ci:${ci}`);
    expect(parsed).toHaveProperty("fault");
    const good = Buffer.from("0123456789abcdefghijklmnopqrstuvwxyz").toString("base64url");
    const named = parseAdminTokens(`alice:${good}, ci:${ci}`);
    const api = await start({ tokens: { tokens: "value" in named ? named.value : [], file: undefined } });
    for (const token of [good, ci])
      expect((await api.call("GET", LIST, { authorization: `Bearer ${token}` })).status).toBe(200);
    expect(api.events("admin_access").map(({ admin }) => admin)).toEqual(["alice", "ci"]);
  });
});

describe("ADMIN_TOKEN_FILE", () => {
  it("ADMIN_TOKEN_FILE is read again when it changes, and its last valid content stays in use", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cloakroom-"));
    const file = join(folder, "token");
    const other = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789").toString("base64url");
    writeFileSync(file, `${ADMIN_TOKEN}\n`);
    const api = await start({ tokens: { ...testTokens, file } });
    const statusOf = async (token: string) =>
      (await api.call("GET", LIST, { authorization: `Bearer ${token}` })).status;
    const readiness = async () => JSON.parse((await api.call("GET", "/readyz")).text) as { checks: object };
    expect([await statusOf(ADMIN_TOKEN), await statusOf(other)]).toEqual([200, 401]);
    writeFileSync(file, `next:${other}`);
    expect([await statusOf(ADMIN_TOKEN), await statusOf(other)]).toEqual([401, 200]);
    for (const broken of ["", "short", "\u0000", `a:${other},b:${other}`]) {
      writeFileSync(file, broken);
      expect([await statusOf(ADMIN_TOKEN), await statusOf(other)], broken).toEqual([401, 200]);
      expect((await readiness()).checks).toMatchObject({ "admin-token": { status: "degraded" } });
    }
    rmSync(folder, { recursive: true });
    expect(await statusOf(other)).toBe(200);
    expect((await readiness()).checks).toMatchObject({
      "admin-token": { detail: expect.stringMatching(/^ADMIN_TOKEN_FILE names a file that cannot be read/) as string },
    });
  });
});

describe("the value of ADMIN_TOKEN", () => {
  const random = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
  it.each<[string, string, string | undefined]>([
    ["base64url", random, undefined],
    ["base64", ADMIN_TOKEN, undefined],
    ["hexadecimal", "0123456789abcdeffedcba98765432100f1e2d3c4b5a69788796a5b4c3d2e1f0", undefined],
    ["two with names", `a:${random},b-2:${ADMIN_TOKEN}`, undefined],
    ["too short", "c2hvcnQ=", "32 random bytes"],
    ["31 bytes", Buffer.from(random).subarray(0, 31).toString("base64url"), "32 random bytes"],
    ["a password", "correct horse battery staple, correct horse", "32 random bytes"],
    ["one letter", "a".repeat(60), "random token 1"],
    ["a repeated word", Buffer.from("password".repeat(5)).toString("base64"), "random token 1"],
    ["a name with a blank", `a b:${random}`, "name token 1"],
    ["an empty name", `:${random}`, "name token 1"],
    ["an empty entry", `${random},`, "token 2"],
    ["the same twice", `a:${random},b:${random}`, "same token twice"],
  ])("the value of ADMIN_TOKEN: %s", (_what, value, fault) => {
    const load = () => loadConfig({ ...env, ADMIN_TOKEN: value });
    if (fault === undefined) expect(load().adminTokens?.tokens.length).toBeGreaterThan(0);
    else {
      expect(load).toThrow(fault);
      expect(load).not.toThrow(value);
    }
  });

  it("the configuration holds no token", () => {
    expect(JSON.stringify(loadConfig({ ...env, ADMIN_TOKEN: random }))).not.toContain(random.slice(0, 16));
  });
});

describe("without ADMIN_TOKEN", () => {
  it.each(["/admin", "/admin/", LIST, `${LIST}/test/sessions`])("without ADMIN_TOKEN %s is 404", async (path) => {
    const rest = { checks: () => [], isDraining: () => false, words: VARIABLES };
    const options = { identity: () => ({}), metrics: createMetrics(), ...rest };
    const server = createManagementServer(options);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    stops.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    const found = await call(port, { method: "GET", path, headers: {} });
    const other = await call(port, { method: "GET", path: "/other", headers: {} });
    expect([found.status, found.text]).toEqual([404, other.text]);
  });
});

describe("a request of a browser", () => {
  it.each<[string, Record<string, string>, number]>([
    ["a fetch of a page", { origin: "https://attacker.test" }, 403],
    ["a fetch of a page on this machine", { origin: "http://localhost:5173" }, 403],
    ["the listener's own origin", { origin: "http://127.0.0.1:9000" }, 403],
    ["an opaque origin", { origin: "null" }, 403],
    ["a link or an image", { "sec-fetch-site": "cross-site" }, 403],
    ["an address that the user has typed", { "sec-fetch-site": "none" }, 403],
    ["the listener's own page", { "sec-fetch-site": "same-origin" }, 403],
    ["DNS rebinding", { host: "attacker.test:9000" }, 421],
    ["DNS rebinding without a port", { host: "attacker.test" }, 421],
    ["a name that only begins like this machine's", { host: "localhost.attacker.test" }, 421],
    ["a name that only begins like an address", { host: "127.0.0.1.attacker.test" }, 421],
    ["a public name that looks like a service", { host: "svc.attacker.test" }, 421],
    ["a public name that ends like a service", { host: "attackersvc.test" }, 421],
    ["an address with user information", { host: "127.0.0.1@attacker.test" }, 421],
    ["an address in another notation", { host: "0x7f.1" }, 421],
    ["a host that is not one", { host: "a/b" }, 421],
  ])("a request of a browser is rejected with a valid token: %s", async (_what, headers, status) => {
    const api = await start();
    const response = await api.call("GET", LIST, headers);
    expect(response.status).toBe(status);
    expect(Object.keys(response.headers).filter((name) => name.startsWith("access-control-"))).toEqual([]);
  });

  it("a CORS preflight is rejected without CORS headers", async () => {
    const api = await start();
    const response = await api.call("OPTIONS", LIST, {
      ...{ authorization: undefined, origin: "https://attacker.test" },
      ...{ "access-control-request-method": "DELETE", "access-control-request-private-network": "true" },
    });
    expect(response.status).toBe(403);
    expect(Object.keys(response.headers).filter((name) => name.startsWith("access-control-"))).toEqual([]);
  });

  it.each([
    ...["localhost:9000", "127.0.0.1:9000", "[::1]:9000", "10.1.2.3:9000", "gateway:9000", "LOCALHOST"],
    ...["gateway.shop.svc:9000", "gateway.shop.svc.cluster.local", "gateway.internal", "management.example.com"],
  ])("a program may use the host %s", async (host) => {
    const api = await start({ host: "management.example.com" });
    expect((await api.call("GET", LIST, { host })).status).toBe(200);
  });

  it("Node's fetch is a program", async () => {
    const api = await start();
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    for (const method of ["GET", "DELETE"]) {
      const response = await fetch(`http://localhost:${api.port}${LIST}/test/sessions?confirm=all`, {
        method,
        headers,
      });
      expect(response.status).toBe(method === "GET" ? 400 : 200);
    }
  });
});

describe("rejected requests", () => {
  it("rejected requests beyond the limit are 429 and not logged, and a valid token is not locked out", async () => {
    const api = await start();
    const statuses: number[] = [];
    for (let at = 0; at < 20; at++)
      statuses.push((await api.call("GET", LIST, { authorization: "Bearer wrong" })).status);
    expect(statuses.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 401));
    expect(new Set(statuses.slice(10))).toEqual(new Set([429]));
    expect(api.events("admin_access_rejected")).toHaveLength(11);
    expect((await api.call("GET", LIST)).status).toBe(200);
    const limited = await api.call("GET", LIST, { authorization: undefined });
    expect(limited.headers["retry-after"]).toBe("60");
    const metrics = (await api.call("GET", "/metrics")).text;
    expect(metrics).toContain('cloakroom_admin_rejections_total{code="admin_token_rejected"} 21');
    expect(metrics).toContain('cloakroom_admin_requests_total{status="2xx"} 1');
  });

  it("rejected requests are counted anew each minute", () => {
    let nowMs = 0;
    const count = createRejectionLimit(() => nowMs);
    const rates = () => Array.from({ length: 12 }, count);
    const expected = [...Array.from({ length: 10 }, () => "within"), "first", "beyond"];
    expect(rates()).toEqual(expected);
    nowMs = 59_999;
    expect(count()).toBe("beyond");
    nowMs = 60_000;
    expect(rates()).toEqual(expected);
  });
});
