// Tokens for the audience of an upstream: by token exchange for users, by client credentials for the gateway.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startTestSystem, type TestSystem } from "@cloakroom/testkit/system.ts";

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({
    exchangeAudiences: ["orders", "https://stock.test/", "!secrets"],
    upstreams: (baseUrl) => [
      { prefix: "/api", baseUrl },
      { prefix: "/api/orders", baseUrl, audience: "orders" },
      { prefix: "/api/stock", baseUrl, resource: "https://stock.test/" },
      { prefix: "/api/less", baseUrl, scope: "openid" },
      { prefix: "/api/secrets", baseUrl, audience: "secrets" },
      { prefix: "/api/unknown", baseUrl, audience: "unknown" },
      { prefix: "/api/open", baseUrl, token: "optional", audience: "orders" },
      { prefix: "/api/own", baseUrl, token: "client", resource: "https://reports.test/" },
      { prefix: "/api/own/plain", baseUrl, token: "client" },
    ],
  });
});
afterAll(() => system.stop());
beforeEach(() => void (system.received.length = 0));
afterEach(() => {
  system.provider.faults.clear();
  system.provider.lifetimes.accessTokenSeconds = 60;
  delete system.provider.lifetimes.exchangedTokenSeconds;
});

type Claims = { sub: string; aud: string; scope?: string };
const claimsOf = (authorization: string | undefined): Claims | undefined =>
  authorization === undefined
    ? undefined
    : (JSON.parse(Buffer.from(authorization.split(".")[1] ?? "", "base64url").toString()) as Claims);
const lastClaims = () => claimsOf(system.received.at(-1)?.authorization);
const exchanges = () => system.provider.count("token:exchange");
const loggedIn = async (username = "alice"): Promise<TestBrowser> => {
  const browser = system.browser(username);
  await browser.login();
  return browser;
};

describe("a row with an audience", () => {
  it("the upstream gets a token for its audience and the same user; a row without audience gets the user's own token", async () => {
    const alice = await loggedIn();
    const { sub } = system.provider.user("alice")!;
    expect((await alice.fetch("/api/orders/1")).status).toBe(200);
    expect(lastClaims()).toMatchObject({ sub, aud: "orders" });
    expect((await alice.fetch("/api/stock/1")).status).toBe(200);
    expect(lastClaims()).toMatchObject({ sub, aud: "https://stock.test/" });
    expect((await alice.fetch("/api/less/1")).status).toBe(200);
    expect(lastClaims()).toMatchObject({ sub, scope: "openid" });
    expect((await alice.fetch("/api/x")).status).toBe(200);
    expect(lastClaims()).toMatchObject({ sub, aud: system.provider.resource });
  });

  it("concurrent requests cause one token exchange (single-flight)", async () => {
    const alice = await loggedIn();
    const before = exchanges();
    const responses = await Promise.all(Array.from({ length: 20 }, () => alice.fetch("/api/orders/1")));
    expect(responses.every(({ status }) => status === 200)).toBe(true);
    expect((await alice.fetch("/api/orders/2")).status).toBe(200);
    expect(exchanges() - before).toBe(1);
  });

  it("I3: concurrent exchanges of two users never mix their tokens", async () => {
    const users = await Promise.all(["alice", "admin", "alice"].map(loggedIn));
    await Promise.all(
      users.flatMap((user) =>
        Array.from({ length: 10 }, async () => expect((await user.fetch("/api/orders/1")).status).toBe(200)),
      ),
    );
    for (const [at, name] of ["alice", "admin", "alice"].entries()) {
      const response = (await (await users[at]!.fetch("/api/orders/1")).json()) as { sub: string };
      expect(response.sub).toBe(system.provider.user(name)!.sub);
    }
  });

  it("an exchanged token is not reused after a refresh of the session", async () => {
    system.provider.lifetimes.accessTokenSeconds = 2;
    system.provider.lifetimes.exchangedTokenSeconds = 600;
    const alice = await loggedIn();
    expect((await alice.fetch("/api/orders/1")).status).toBe(200);
    const first = system.received.at(-1)?.authorization;
    await expect
      .poll(
        async () => {
          expect((await alice.fetch("/api/orders/1")).status).toBe(200);
          return system.received.at(-1)?.authorization;
        },
        { timeout: 15_000 },
      )
      .not.toBe(first);
  });

  it("an exchanged token is not reused after the end of its session", async () => {
    const alice = await loggedIn();
    expect((await alice.fetch("/api/orders/1")).status).toBe(200);
    await alice.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
    system.received.length = 0;
    expect((await alice.fetch("/api/orders/1")).status).toBe(401);
    expect(system.received).toEqual([]);
  });

  it("an exchanged token that expires before the user's own is renewed", async () => {
    system.provider.lifetimes.exchangedTokenSeconds = 2;
    const alice = await loggedIn();
    expect((await alice.fetch("/api/orders/1")).status).toBe(200);
    const first = system.received.at(-1)?.authorization;
    await expect
      .poll(
        async () => {
          expect((await alice.fetch("/api/orders/1")).status).toBe(200);
          return system.received.at(-1)?.authorization;
        },
        { timeout: 15_000 },
      )
      .not.toBe(first);
  });

  it("a request without a session gets 401, or no bearer with token: optional", async () => {
    const anonymous = system.browser();
    const before = exchanges();
    expect((await anonymous.fetch("/api/orders/1")).status).toBe(401);
    expect((await anonymous.fetch("/api/open/1")).status).toBe(200);
    expect(system.received.map(({ authorization }) => authorization)).toEqual([undefined]);
    expect(exchanges()).toBe(before);
    const alice = await loggedIn();
    await alice.fetch("/api/open/1");
    expect(lastClaims()).toMatchObject({ aud: "orders" });
  });
});

describe("a failing token exchange", () => {
  const problemAt = async (browser: TestBrowser, path: string) => {
    const response = await browser.fetch(path);
    return { status: response.status, ...((await response.json()) as object) };
  };
  const reasonOf = (path: string) =>
    system.gateway.log
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .find((line) => line["msg"] === "request" && line["path"] === path)?.["reason"];

  it("an exchange rejected for the user gets 403 without an upstream request", async () => {
    const alice = await loggedIn();
    expect(await problemAt(alice, "/api/secrets/1")).toMatchObject({ status: 403, code: "forbidden" });
    expect(system.received).toEqual([]);
    expect(reasonOf("/api/secrets/1")).toMatch(/rejected the token request for secrets: access_denied/);
  });

  it("an exchange rejected for the audience gets 503, logs the cause, and ends no session", async () => {
    const alice = await loggedIn();
    expect(await problemAt(alice, "/api/unknown/1")).toMatchObject({ status: 503, code: "provider_unavailable" });
    expect(reasonOf("/api/unknown/1")).toMatch(
      /rejected the token request for unknown: invalid_target\. Compare audience/,
    );
    expect(system.received).toEqual([]);
    expect((await alice.fetch("/api/x")).status).toBe(200);
    const secrets = system.provider.issuedTokens().accessTokens;
    expect(system.gateway.log.some((line) => secrets.some((secret) => line.includes(secret)))).toBe(false);
  });

  it("a provider outage gets 503, cached exchanged tokens stay usable, and requests succeed after recovery", async () => {
    const [alice, admin] = [await loggedIn("alice"), await loggedIn("admin")];
    expect((await alice.fetch("/api/orders/1")).status).toBe(200);
    system.provider.faults.set({ endpoint: "token", status: 500, body: "{}" });
    expect(await problemAt(admin, "/api/orders/1")).toMatchObject({ status: 503, code: "provider_unavailable" });
    expect((await alice.fetch("/api/orders/2")).status).toBe(200);
    expect((await admin.fetch("/api/x")).status).toBe(200);
    system.provider.faults.clear();
    await expect.poll(async () => (await admin.fetch("/api/orders/1")).status, { timeout: 10_000 }).toBe(200);
    expect(lastClaims()).toMatchObject({ sub: system.provider.user("admin")!.sub, aud: "orders" });
  });

  it("a failed exchange is not repeated by every request", async () => {
    const alice = await loggedIn();
    const before = exchanges();
    const startedMs = performance.now();
    for (let round = 0; round < 30; round++) expect((await alice.fetch("/api/unknown/1")).status).toBe(503);
    const seconds = (performance.now() - startedMs) / 1_000;
    expect(exchanges() - before).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
  });
});

describe("the gateway's own token", () => {
  it("the gateway's own token is fetched once per target for all users", async () => {
    const [alice, admin] = [await loggedIn("alice"), await loggedIn("admin")];
    await alice.fetch("/api/own/1");
    expect(lastClaims()).toMatchObject({ sub: "cloakroom", aud: "https://reports.test/" });
    await alice.fetch("/api/own/plain/1");
    expect(lastClaims()).toMatchObject({ sub: "cloakroom", aud: system.provider.resource });
    const before = system.provider.count("token:client_credentials");
    await Promise.all([alice, admin].flatMap((user) => Array.from({ length: 10 }, () => user.fetch("/api/own/1"))));
    expect(system.provider.count("token:client_credentials")).toBe(before);
  });
});
