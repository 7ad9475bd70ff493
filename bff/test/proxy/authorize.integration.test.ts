// Authorization of API requests: session, roles, scopes and the selected token.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startTestSystem, type TestSystem } from "@cloakroom/testkit/system.ts";

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({
    upstreams: (baseUrl) => [
      { prefix: "/api", baseUrl },
      { prefix: "/api/open", baseUrl, token: "none" },
      { prefix: "/api/maybe", baseUrl, token: "optional" },
      { prefix: "/api/own", baseUrl, token: "client" },
      { prefix: "/api/admin", baseUrl, requiredRoles: ["admin", "owner"] },
      { prefix: "/api/reports", baseUrl, requiredScopes: ["reports:read"] },
      { prefix: "/api/mail", baseUrl, requiredScopes: ["openid", "email"] },
      { prefix: "/api/read", baseUrl, methods: ["GET"] },
    ],
  });
});
afterAll(() => system.stop());
beforeEach(() => void (system.received.length = 0));

const subjectOf = (authorization: string | undefined) =>
  authorization === undefined
    ? undefined
    : (JSON.parse(Buffer.from(authorization.split(".")[1] ?? "", "base64url").toString()) as { sub: string }).sub;

describe("without a session", () => {
  it.each([
    ["/api/x", 401],
    ["/api/own/x", 401],
    ["/api/admin/x", 401],
    ["/api/open/x", 200],
    ["/api/maybe/x", 200],
    ["/api-not/x", 404],
  ])("a request to %s without a session gets %i", async (path, status) => {
    const response = await system.browser().fetch(path);
    expect(response.status).toBe(status);
    expect(system.received).toHaveLength(status === 200 ? 1 : 0);
    expect(system.received[0]?.authorization).toBeUndefined();
    if (status === 401) {
      expect(response.headers.get("www-authenticate")).toBeTruthy();
      expect(await response.json()).toMatchObject({ code: "session_missing", loginUrl: "/bff/login" });
    }
  });

  it("a cookie of an unknown session gets 401 and is not changed", async () => {
    for (const value of ["x", "A".repeat(43), "A".repeat(42), "../../etc", "%00"]) {
      const browser = system.browser();
      browser.cookies.set("__Host-Http-session", value);
      const response = await browser.fetch("/api/x");
      expect(response.status, value).toBe(401);
      expect(response.headers.getSetCookie(), value).toEqual([]);
    }
    expect(system.received).toEqual([]);
  });
});

describe("with a session", () => {
  it("each upstream gets the token that its row selects, and no cookie", async () => {
    const alice = system.browser();
    await alice.login();
    const { sub } = system.provider.user("alice")!;
    for (const path of ["/api/x", "/api/open/x", "/api/maybe/x", "/api/own/x"])
      expect((await alice.fetch(path)).status, path).toBe(200);
    expect(system.received.map(({ authorization }) => subjectOf(authorization))).toEqual([
      sub,
      undefined,
      sub,
      "cloakroom",
    ]);
    expect(system.received.every(({ cookie }) => cookie === undefined)).toBe(true);
  });

  it("the gateway's own token is fetched once for all users", async () => {
    const alice = system.browser();
    await alice.login();
    await alice.fetch("/api/own/x");
    const before = system.provider.count("token:client_credentials");
    await Promise.all(Array.from({ length: 30 }, () => alice.fetch("/api/own/x")));
    expect(system.provider.count("token:client_credentials")).toBe(before);
  });

  it("a missing role or scope gets 403 and the upstream gets no request", async () => {
    const [alice, admin] = [system.browser("alice"), system.browser("admin")];
    await alice.login();
    await admin.login();
    system.received.length = 0;
    const rejected = await alice.fetch("/api/admin/x");
    expect(rejected.status).toBe(403);
    expect(await rejected.json()).toMatchObject({ code: "forbidden" });
    expect((await admin.fetch("/api/reports/x")).status).toBe(403);
    expect(system.received).toEqual([]);
    expect((await admin.fetch("/api/admin/x")).status).toBe(200);
    expect((await alice.fetch("/api/mail/x")).status).toBe(200);
  });

  it("required roles cannot be bypassed by another spelling of the path", async () => {
    const alice = system.browser("alice");
    await alice.login();
    system.received.length = 0;
    for (const path of ["/api/ADMIN/x", "/api/x/..%2fadmin", "/api//admin", "/api/%61dmin/x", "/api/admin;x/y"])
      expect([400, 403, 404], path).toContain((await alice.fetch(path)).status);
    expect(system.received).toEqual([]);
  });

  it("a method that the row does not allow gets 405 with Allow", async () => {
    const alice = system.browser();
    await alice.login();
    const response = await alice.fetch("/api/read/x", { method: "POST", body: "x" });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET");
  });
});
