// Circuit breakers of the provider (R-15: at most one probe per second and instance).
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createBreaker } from "../../src/lib/circuit-breaker.ts";
import { createKeyedBreaker } from "../../src/lib/keyed-circuit-breaker.ts";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { startHostileProvider, without, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startTestSystem, type TestSystem } from "@cloakroom/testkit/system.ts";

describe("circuit breaker", () => {
  it("the circuit breaker opens after three consecutive failures, allows one probe per second, and closes after a success", () => {
    let nowMs = 0;
    const breaker = createBreaker({ failuresToOpen: 3, probeEveryMs: 1_000, now: () => nowMs });
    for (let failure = 1; failure <= 3; failure++) {
      expect(breaker.isOpen(), `before failure ${failure}`).toBe(false);
      breaker.report(false);
    }
    expect(breaker.isOpen()).toBe(true);
    nowMs = 1_000;
    expect([breaker.isOpen(), breaker.isOpen()], "one probe").toEqual([false, true]);
    breaker.report(false);
    nowMs = 2_000;
    expect(breaker.isOpen()).toBe(false);
    breaker.report(true);
    expect([breaker.isOpen(), breaker.isOpen()]).toEqual([false, false]);
  });

  it("the circuit breaker stays closed while successes occur between failures", () => {
    const breaker = createBreaker({ failuresToOpen: 3, probeEveryMs: 1_000, now: () => 0 });
    for (let round = 0; round < 5; round++) {
      breaker.report(false);
      breaker.report(false);
      breaker.report(true);
    }
    expect(breaker.isOpen()).toBe(false);
  });
});

describe("keyed circuit breaker", () => {
  const options = { failuresToOpen: 3, probeEveryMs: 1_000, now: () => 0 };

  it("the keyed circuit breaker opens only for a key that fails three times", () => {
    const breaker = createKeyedBreaker(options);
    for (let failure = 0; failure < 10; failure++) breaker.report("alice", false);
    expect([breaker.isOpen("alice"), breaker.isOpen("bob")]).toEqual([true, false]);
    breaker.report("alice", true);
    expect(breaker.isOpen("alice")).toBe(false);
  });

  it("the keyed circuit breaker opens for all keys after three different keys fail, and closes after one success", () => {
    const breaker = createKeyedBreaker(options);
    for (const key of ["alice", "bob", "carol"]) {
      expect(breaker.isOpen("dave")).toBe(false);
      breaker.report(key, false);
    }
    expect(breaker.isOpen("dave")).toBe(true);
    breaker.report("dave", true);
    breaker.report("alice", false);
    expect(breaker.isOpen("dave")).toBe(false);
  });
});

describe("a provider with unusable responses for one user", () => {
  type Members = Record<string, unknown>;
  let provider: HostileProvider;
  let gateway: TestGateway;
  beforeAll(async () => {
    provider = await startHostileProvider({ beside: (_request, response) => void response.end("{}") });
    gateway = await startGateway({ ...provider, env: { UPSTREAMS: `/api=${provider.issuer}/up` } });
  });
  afterAll(async () => {
    await gateway.stop();
    await provider.stop();
  });
  const login = async (sub: string) => {
    provider.overrides = {
      claims: (original) => ({ ...original, sub }),
      token: (original) => ({ ...original, refresh_token: sub, expires_in: 0 }),
    };
    const browser = testBrowser(gateway.origin);
    expect((await browser.login()).status).toBe(303);
    return browser;
  };

  it.each<[string, (original: Members) => Members]>([
    ["an access token of 40 kB", (original) => ({ ...original, access_token: "x".repeat(40_000) })],
    ["token_type DPoP", (original) => ({ ...original, token_type: "DPoP" })],
    ["2 MB", (original) => ({ ...original, padding: "x".repeat(2_000_000) })],
    ["no access token", without("access_token")],
    ["a list", () => [] as unknown as Members],
  ])("sessions of other users are refreshed: %s", async (_name, broken) => {
    const [mallory, ...others] = [await login("mallory"), await login("alice"), await login("bob")];
    let ofMallory = 0;
    provider.overrides = {
      token(original) {
        const sub = provider.lastTokenRequest().body.get("refresh_token");
        const response = { ...original, id_token: undefined, refresh_token: sub };
        if (sub !== "mallory") return response;
        ofMallory += 1;
        return broken(response);
      },
    };
    const startedMs = performance.now();
    for (let request = 0; request < 8; request++) expect((await mallory.fetch("/api/x")).status).toBe(503);
    const seconds = (performance.now() - startedMs) / 1_000;
    expect(ofMallory).toBeLessThanOrEqual(3 + Math.ceil(seconds));
    for (const browser of others) expect((await browser.fetch("/api/x")).status).toBe(200);
  });
});

describe("a provider that rejects every refresh", () => {
  let provider: HostileProvider;
  let gateway: TestGateway;
  beforeAll(async () => {
    provider = await startHostileProvider({ beside: (_request, response) => void response.end("{}") });
  });
  afterAll(() => provider.stop());
  beforeEach(async () => {
    // Of its own, because its circuit opens.
    gateway = await startGateway({ ...provider, env: { UPSTREAMS: `/api=${provider.issuer}/up` } });
  });
  afterEach(() => gateway.stop());

  it.each([
    ...[
      [400, "invalid_scope"],
      [401, "invalid_client"],
      [400, "unauthorized_client"],
    ],
    ...[
      [400, "a_code_without_a_row"],
      [400, "unmet_authentication_requirements"],
    ],
    ...[
      [429, "too_many_requests"],
      [400, "slow_down"],
    ],
  ] as [number, string][])(
    "refreshes rejected with %i %s: at most one token request per second, every session is kept, and refreshes continue",
    async (status, error) => {
      const browsers: TestBrowser[] = [];
      for (const sub of ["alice", "bob", "carol", "dave", "erin"]) {
        provider.overrides = {
          claims: (original) => ({ ...original, sub }),
          token: (original) => ({ ...original, expires_in: 0 }),
        };
        const browser = testBrowser(gateway.origin);
        expect((await browser.login()).status).toBe(303);
        browsers.push(browser);
      }
      provider.overrides = {
        tokenResponse(response) {
          response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ error }));
          return true;
        },
      };
      const requests = async (of: TestBrowser[]): Promise<number> => {
        const before = provider.counts.token;
        const startedMs = performance.now();
        for (let round = 0; round < 10; round++)
          for (const browser of of) expect((await browser.fetch("/api/x")).status).toBe(503);
        return provider.counts.token - before - Math.ceil((performance.now() - startedMs) / 1_000);
      };
      expect(await requests(browsers.slice(0, 1)), "of one user").toBeLessThanOrEqual(3);
      expect(await requests(browsers), "of all users").toBeLessThanOrEqual(3);
      provider.overrides = { token: (original) => ({ ...original, id_token: undefined }) };
      for (const browser of browsers) await expect.poll(async () => (await browser.fetch("/api/x")).status).toBe(200);
    },
  );

  it("a code that ends the session does not open the circuit", async () => {
    for (let n = 0; n < 5; n++) {
      provider.overrides = {
        claims: (original) => ({ ...original, sub: `user-${n}` }),
        token: (original) => ({ ...original, expires_in: 0 }),
      };
      const browser = testBrowser(gateway.origin);
      await browser.login();
      provider.overrides = {
        tokenResponse(response) {
          response.writeHead(400, { "content-type": "application/json" }).end('{"error":"invalid_grant"}');
          return true;
        },
      };
      expect((await browser.fetch("/api/x")).status).toBe(401);
    }
  });
});

describe("a provider that responds 500", () => {
  let system: TestSystem;
  beforeAll(async () => {
    system = await startTestSystem({ lifetimes: { accessTokenSeconds: 4 } });
  });
  afterAll(() => system.stop());

  it("a provider that responds 500 receives few of the refreshes, and every session is kept", async () => {
    const browsers = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const browser = system.browser();
        await browser.login();
        return browser;
      }),
    );
    system.provider.faults.set({ endpoint: "token", status: 500, body: "{}" });
    for (const browser of browsers)
      await expect.poll(async () => (await browser.fetch("/api/x")).status, { timeout: 15_000 }).toBe(503);
    const before = system.provider.count("token");
    const startedMs = performance.now();
    for (let round = 0; round < 20; round++)
      for (const response of await Promise.all(browsers.map((browser) => browser.fetch("/api/x"))))
        expect(response.status).toBe(503);
    const seconds = (performance.now() - startedMs) / 1_000;
    expect(system.provider.count("token") - before).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
    system.provider.faults.clear();
    for (const browser of browsers)
      await expect.poll(async () => (await browser.fetch("/api/x")).status, { timeout: 15_000 }).toBe(200);
  }, 60_000);
});
