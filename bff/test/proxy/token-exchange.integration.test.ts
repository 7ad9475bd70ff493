// Tokens for one upstream's audience: a user's by exchange, the gateway's own by client credentials.
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
      { prefix: "/api/unknown", baseUrl, audience: "nobody" },
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
  it("gets a token for that audience and for the same user; a row without one gets the user's own", async () => {
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

  it("is asked for once, however many requests come", async () => {
    const alice = await loggedIn();
    const before = exchanges();
    const answers = await Promise.all(Array.from({ length: 20 }, () => alice.fetch("/api/orders/1")));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect((await alice.fetch("/api/orders/2")).status).toBe(200);
    expect(exchanges() - before).toBe(1);
  });

  it("I3: never is one user's exchanged token another's, also when they come together", async () => {
    const users = await Promise.all(["alice", "admin", "alice"].map(loggedIn));
    await Promise.all(
      users.flatMap((user) =>
        Array.from({ length: 10 }, async () => expect((await user.fetch("/api/orders/1")).status).toBe(200)),
      ),
    );
    for (const [at, name] of ["alice", "admin", "alice"].entries()) {
      const answer = (await (await users[at]!.fetch("/api/orders/1")).json()) as { sub: string };
      expect(answer.sub).toBe(system.provider.user(name)!.sub);
    }
  });

  it("gets no token from before a refresh, however long it would live", async () => {
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

  it("gets no token of a session that has ended", async () => {
    const alice = await loggedIn();
    expect((await alice.fetch("/api/orders/1")).status).toBe(200);
    await alice.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
    system.received.length = 0;
    expect((await alice.fetch("/api/orders/1")).status).toBe(401);
    expect(system.received).toEqual([]);
  });

  it("renews a token that lives shorter than the user's own", async () => {
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

  it("sends nothing for somebody without a session: 401, or no bearer where it is optional", async () => {
    const nobody = system.browser();
    const before = exchanges();
    expect((await nobody.fetch("/api/orders/1")).status).toBe(401);
    expect((await nobody.fetch("/api/open/1")).status).toBe(200);
    expect(system.received.map(({ authorization }) => authorization)).toEqual([undefined]);
    expect(exchanges()).toBe(before);
    const alice = await loggedIn();
    await alice.fetch("/api/open/1");
    expect(lastClaims()).toMatchObject({ aud: "orders" });
  });
});

describe("an exchange that does not work", () => {
  const problemAt = async (browser: TestBrowser, path: string) => {
    const response = await browser.fetch(path);
    return { status: response.status, ...((await response.json()) as object) };
  };
  const reasonOf = (path: string) =>
    system.gateway.log
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .find((line) => line["msg"] === "request" && line["path"] === path)?.["reason"];

  it("refused to this user is 403, and the upstream is not called", async () => {
    const alice = await loggedIn();
    expect(await problemAt(alice, "/api/secrets/1")).toMatchObject({ status: 403, code: "forbidden" });
    expect(system.received).toEqual([]);
    expect(reasonOf("/api/secrets/1")).toMatch(/rejected the token request for secrets: access_denied/);
  });

  it("refused for its audience is 503, tells the log what to compare, and nobody is logged out", async () => {
    const alice = await loggedIn();
    expect(await problemAt(alice, "/api/unknown/1")).toMatchObject({ status: 503, code: "provider_unavailable" });
    expect(reasonOf("/api/unknown/1")).toMatch(
      /rejected the token request for nobody: invalid_target\. Compare audience/,
    );
    expect(system.received).toEqual([]);
    expect((await alice.fetch("/api/x")).status).toBe(200);
    const secrets = system.provider.issuedTokens().accessTokens;
    expect(system.gateway.log.some((line) => secrets.some((secret) => line.includes(secret)))).toBe(false);
  });

  it("with the provider down is 503; what was exchanged before is used on, and it heals", async () => {
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

  it("is not asked for again by every request while it fails", async () => {
    const alice = await loggedIn();
    const before = exchanges();
    const startedMs = performance.now();
    for (let round = 0; round < 30; round++) expect((await alice.fetch("/api/unknown/1")).status).toBe(503);
    const seconds = (performance.now() - startedMs) / 1_000;
    expect(exchanges() - before).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
  });
});

describe("the gateway's own token", () => {
  it("is one for each target, fetched once for all users", async () => {
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
