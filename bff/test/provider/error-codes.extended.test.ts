// Every registered error code (IANA OAuth Extensions Error registry, RFC 6749, OIDC Core, decision 0036) at every endpoint of
// the provider: what the browser receives, whether the session stays, and what /readyz says.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { testBrowser, type TestBrowser } from "@cloakroom/testkit/browser.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { startHostileProvider, type HostileProvider, type Overrides } from "@cloakroom/testkit/hostile-provider.ts";
import {
  ENDS_SESSION,
  NEEDS_USER,
  REGISTERED,
  SETTINGS_OF_LOGIN,
  SETTINGS_OF_REFRESH,
  TEMPORARY,
} from "./registered-errors.ts";

type ErrorResponse = {
  status?: number;
  headers?: Record<string, string>;
  error: string;
  description?: string;
};

let provider: HostileProvider;
let gateway: TestGateway;

beforeAll(async () => {
  provider = await startHostileProvider({
    beside: (_request, response) => void response.end("{}"),
  });
  gateway = await start();
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop();
});
afterEach(() => {
  provider.overrides = {};
});

const start = (env: Record<string, string> = {}) =>
  startGateway({ ...provider, env: { UPSTREAMS: `/api=${provider.issuer}/up`, ...env } });

const rejecting =
  (
    endpoint: string,
    { status = 400, headers = {}, error, description }: ErrorResponse,
  ): NonNullable<Overrides["raw"]> =>
  (pathname, response) => {
    if (pathname !== endpoint) return false;
    response
      .writeHead(status, { "content-type": "application/json", ...headers })
      .end(JSON.stringify({ error, ...(description === undefined ? {} : { error_description: description }) }));
    return true;
  };
const authorizationError =
  (error: string, description?: string): NonNullable<Overrides["authorizationResponse"]> =>
  ({ state, iss }) => ({ state, iss, error, error_description: description });

const isLoggedIn = async (browser: TestBrowser) =>
  ((await (await browser.fetch("/bff/user")).json()) as { user: unknown }).user !== null;
/** Logged in, with an access token that the next request has to refresh. */
async function loggedIn(): Promise<TestBrowser> {
  provider.overrides = { token: (original) => ({ ...original, expires_in: 0 }) };
  const browser = testBrowser(gateway.origin);
  expect((await browser.login()).status, gateway.log.at(-1)).toBe(303);
  provider.overrides = {};
  return browser;
}
async function expectError(sentence: RegExp | undefined): Promise<void> {
  const { status, detail = "" } = await gateway.readiness("provider");
  expect(status).toBe(sentence === undefined ? "ok" : "degraded");
  if (sentence === undefined) return;
  expect(detail).toMatch(sentence);
  expect(gateway.log.filter((line) => line.includes("provider rejects the configuration")).at(-1)).toMatch(sentence);
}
/** One completed login and one refresh: every endpoint has accepted the configuration again. */
async function expectRecovery(): Promise<void> {
  provider.overrides = {};
  const browser = await loggedIn();
  expect((await browser.fetch("/api/x")).status).toBe(200);
  await expectError(undefined);
}

const loginStatus = (code: string): number => {
  if (TEMPORARY.includes(code)) return 503;
  return code === "unmet_authentication_requirements" ? 403 : 400;
};

describe("an error of the authorization endpoint", () => {
  it.each(REGISTERED)(
    "the error %s of the authorization endpoint fails the login with the right status, without a token request",
    async (error) => {
      await gateway.readiness("provider");
      const before = provider.counts.token;
      provider.overrides = { authorizationResponse: authorizationError(error) };
      const response = await testBrowser(gateway.origin).login();
      expect(response.status).toBe(loginStatus(error));
      expect(response.headers.has("retry-after")).toBe(TEMPORARY.includes(error));
      expect(provider.counts.token).toBe(before);
      await expectError(Object.hasOwn(SETTINGS_OF_LOGIN, error) ? SETTINGS_OF_LOGIN[error] : undefined);
      await expectRecovery();
    },
  );

  it.each(NEEDS_USER)("the error %s in response to prompt=none ends nothing and returns to the app", async (error) => {
    const browser = await loggedIn();
    provider.overrides = { authorizationResponse: authorizationError(error) };
    const response = await browser.login("?prompt=none&returnTo=/page");
    expect([response.status, response.headers.get("location")]).toEqual([303, `${gateway.config.publicOrigin}/page`]);
    expect(await isLoggedIn(browser)).toBe(true);
  });

  it.each(REGISTERED)("the error %s in response to prompt=none keeps the session", async (error) => {
    const browser = await loggedIn();
    provider.overrides = { authorizationResponse: authorizationError(error) };
    await browser.login("?prompt=none");
    expect(await isLoggedIn(browser)).toBe(true);
    await expectRecovery();
  });

  it.each<[string, RegExp]>([
    ["access_denied", /cancelled/],
    ["invalid_scope", /configuration of this application/],
  ])("the error %s of the authorization endpoint has a page that says what happened", async (error, text) => {
    provider.overrides = { authorizationResponse: authorizationError(error, "<b>secret</b>") };
    const page = await (await testBrowser(gateway.origin).login()).text();
    expect(page).toMatch(text);
    expect(page).not.toContain("secret");
    await expectRecovery();
  });
});

describe("an expired login page (Keycloak: temporarily_unavailable, authentication_expired)", () => {
  const expired = authorizationError("temporarily_unavailable", "authentication_expired");
  const query = "?returnTo=/page&login_hint=alice&acr_values=1&max_age=600&ui_locales=de";

  it("an expired login page starts the login again with the same parameters, once", async () => {
    provider.overrides = { authorizationResponse: expired };
    const browser = testBrowser(gateway.origin);
    const first = await browser.login(query);
    expect(first.status).toBe(303);
    const again = new URL(first.headers.get("location") ?? "");
    expect(again.pathname).toBe("/authorize");
    for (const [name, value] of Object.entries({
      login_hint: "alice",
      acr_values: "1",
      max_age: "600",
      ui_locales: "de",
    }))
      expect(again.searchParams.get(name)).toBe(value);
    provider.overrides = {};
    const callback = (await fetch(again, { redirect: "manual" })).headers.get("location") ?? "";
    const completed = await browser.navigate(callback, { "sec-fetch-site": "cross-site" });
    expect([completed.status, completed.headers.get("location")]).toEqual([303, `${gateway.config.publicOrigin}/page`]);
    expect(await isLoggedIn(browser)).toBe(true);
  });

  it("a second expired login page in the same attempt is 400 with a page, never a loop", async () => {
    provider.overrides = { authorizationResponse: expired };
    const browser = testBrowser(gateway.origin);
    const again = (await browser.login()).headers.get("location") ?? "";
    const callback = (await fetch(again, { redirect: "manual" })).headers.get("location") ?? "";
    const response = await browser.navigate(callback, { "sec-fetch-site": "cross-site" });
    expect(response.status).toBe(400);
    expect(await response.text()).toMatch(/page of the login service was open for too long/);
  });

  it("an expired login page keeps the session that the browser has, and replaces it when the login is completed", async () => {
    const browser = await loggedIn();
    const before = new Map(browser.cookies);
    provider.overrides = { authorizationResponse: expired };
    const again = (await browser.login()).headers.get("location") ?? "";
    expect(await isLoggedIn(browser)).toBe(true);
    provider.overrides = {};
    await browser.navigate((await fetch(again, { redirect: "manual" })).headers.get("location") ?? "");
    expect(await isLoggedIn(browser)).toBe(true);
    const old = testBrowser(gateway.origin);
    for (const [name, value] of before) old.cookies.set(name, value);
    expect(await isLoggedIn(old)).toBe(false);
  });

  it.each([
    ["no description", undefined],
    ["another description", "maintenance"],
    ["a description that contains it", "authentication_expired or so"],
  ])("temporarily_unavailable with %s is an outage: 503 with Retry-After", async (_name, description) => {
    provider.overrides = { authorizationResponse: authorizationError("temporarily_unavailable", description) };
    const response = await testBrowser(gateway.origin).login();
    expect([response.status, response.headers.has("retry-after")]).toEqual([503, true]);
  });

  it("an expired login page of a login with long parameters starts the login again without them", async () => {
    provider.overrides = { authorizationResponse: expired };
    const long = `?returnTo=/${"x".repeat(900)}&login_hint=${"y".repeat(250)}&acr_values=1`;
    const again = new URL((await testBrowser(gateway.origin).login(long)).headers.get("location") ?? "");
    expect([again.searchParams.get("login_hint"), again.searchParams.get("acr_values")]).toEqual([null, "1"]);
  });
});

describe("invalid_request with a description that names what Keycloak demands of the client", () => {
  const description = "DPoP proof is missing";

  it("invalid_request in which Keycloak demands a signed request: the login fails, and readiness names OIDC_SIGNED_REQUEST", async () => {
    provider.overrides = {
      authorizationResponse: authorizationError("invalid_request", "Invalid parameter: : 'request' or 'request_uri'"),
    };
    expect((await testBrowser(gateway.origin).login()).status).toBe(400);
    await expectError(/OIDC_SIGNED_REQUEST=on/);
    await expectRecovery();
  });

  it("invalid_request in which Keycloak demands a DPoP proof: the login fails, and readiness names OIDC_SENDER_CONSTRAINED", async () => {
    provider.overrides = { raw: rejecting("/token", { error: "invalid_request", description }) };
    expect((await testBrowser(gateway.origin).login()).status).toBe(400);
    await expectError(/OIDC_SENDER_CONSTRAINED=dpop/);
    await expectRecovery();
  });

  it("invalid_request in which Keycloak demands a DPoP proof at a refresh: the session is kept, and readiness names OIDC_SENDER_CONSTRAINED", async () => {
    const browser = await loggedIn();
    provider.overrides = { raw: rejecting("/token", { error: "invalid_request", description }) };
    expect((await browser.fetch("/api/x")).status).toBe(503);
    await expectError(/OIDC_SENDER_CONSTRAINED=dpop/);
    provider.overrides = {};
    expect((await browser.fetch("/api/x")).status).toBe(200);
    await expectRecovery();
  });
});

describe("an error of the token endpoint at a login", () => {
  it.each(REGISTERED)("the error %s of the token endpoint fails a login with the right status", async (error) => {
    await gateway.readiness("provider");
    provider.overrides = { raw: rejecting("/token", { error }) };
    const response = await testBrowser(gateway.origin).login();
    expect(response.status).toBe(loginStatus(error));
    await expectError(Object.hasOwn(SETTINGS_OF_LOGIN, error) ? SETTINGS_OF_LOGIN[error] : undefined);
    await expectRecovery();
  });

  it.each<[string, ErrorResponse, number]>([
    ["401 without WWW-Authenticate", { status: 401, error: "invalid_client" }, 400],
    ["401 with WWW-Authenticate", { status: 401, error: "x", headers: { "www-authenticate": "Basic" } }, 400],
    ["401 access_denied (Auth0)", { status: 401, error: "access_denied" }, 400],
    ["429", { status: 429, error: "too_many_requests" }, 503],
    ["500", { status: 500, error: "invalid_grant" }, 503],
    ["503", { status: 503, error: "temporarily_unavailable" }, 503],
    ["200 with an error", { status: 200, error: "invalid_grant" }, 400],
  ])("the response %s of the token endpoint fails a login with the right status", async (name, response, status) => {
    provider.overrides = { raw: rejecting("/token", response) };
    expect((await testBrowser(gateway.origin).login()).status).toBe(status);
    await expectError(name.startsWith("401") ? /OIDC_CLIENT_SECRET/ : undefined);
    await expectRecovery();
  });
});

describe("an error of the token endpoint at a refresh", () => {
  const rejected = async (response: ErrorResponse) => {
    const browser = await loggedIn();
    provider.overrides = { raw: rejecting("/token", response) };
    return { browser, response: await browser.fetch("/api/x") };
  };

  it.each(REGISTERED.filter((code) => !ENDS_SESSION.includes(code)))(
    "the error %s of the token endpoint keeps the session at a refresh: 503, and the next refresh works",
    async (error) => {
      await gateway.readiness("provider");
      const { browser, response } = await rejected({ error });
      expect([response.status, response.headers.has("retry-after")]).toEqual([503, true]);
      expect(response.headers.getSetCookie()).toEqual([]);
      expect(await isLoggedIn(browser)).toBe(true);
      await expectError(Object.hasOwn(SETTINGS_OF_REFRESH, error) ? SETTINGS_OF_REFRESH[error] : undefined);
      provider.overrides = {};
      expect((await browser.fetch("/api/x")).status).toBe(200);
      await expectError(undefined);
    },
  );

  it.each<[string, Omit<ErrorResponse, "error">]>([
    ["400", {}],
    ["403", { status: 403 }],
    ["400 with WWW-Authenticate", { headers: { "www-authenticate": 'Basic realm="x"' } }],
    ["400 as text/plain", { headers: { "content-type": "text/plain" } }],
    ["400 as application/json with a charset", { headers: { "content-type": "application/json; charset=UTF-8" } }],
    ["200", { status: 200 }],
  ])(
    "with status %s, a code that requires a new login ends the session with reason and login URL",
    async (_name, how) => {
      for (const error of ENDS_SESSION) {
        const { browser, response } = await rejected({ ...how, error });
        expect(response.status, error).toBe(401);
        expect(await response.json()).toMatchObject({
          code: "session_expired",
          reason: "refresh_rejected",
          loginUrl: "/bff/login",
        });
        expect(await isLoggedIn(browser)).toBe(false);
        expect(gateway.events("refresh_rejected").at(-1)?.["reason"]).toBe(error);
        await expectError(undefined);
      }
    },
  );

  it.each<[string, ErrorResponse, RegExp | undefined]>([
    ["401 invalid_request (Keycloak)", { status: 401, error: "invalid_request" }, /OIDC_CLIENT_SECRET/],
    ["401 unauthorized_client (Keycloak)", { status: 401, error: "unauthorized_client" }, /OIDC_CLIENT_SECRET/],
    ["401 access_denied (Auth0)", { status: 401, error: "access_denied" }, /OIDC_CLIENT_SECRET/],
    ["401 of an unknown code", { status: 401, error: "x" }, /OIDC_CLIENT_SECRET/],
    ["429", { status: 429, error: "too_many_requests" }, undefined],
    ["500 invalid_grant", { status: 500, error: "invalid_grant" }, undefined],
    ["503 access_denied", { status: 503, error: "access_denied" }, undefined],
    ["a code in other letters", { error: "INVALID_GRANT" }, undefined],
    ["an empty code", { error: "" }, undefined],
  ])("the response %s of the token endpoint keeps the session at a refresh", async (_name, response, sentence) => {
    const { browser, response: received } = await rejected(response);
    expect(received.status).toBe(503);
    expect(await isLoggedIn(browser)).toBe(true);
    await expectError(sentence);
    await expectRecovery();
  });

  it.each([500, 502, 503])(
    "a refresh with %i and a challenge that names a code is an outage, which ends no session",
    async (status) => {
      for (const error of ENDS_SESSION) {
        const headers = { "www-authenticate": `Bearer error="${error}"` };
        const { browser, response } = await rejected({ status, headers, error });
        expect(response.status, error).toBe(503);
        expect(await isLoggedIn(browser)).toBe(true);
        await expectRecovery();
      }
    },
  );

  it("429 does not spend the refresh token, whatever the body is (I4)", async () => {
    const browser = await loggedIn();
    const before = gateway.events("refresh_outcome_unknown").length;
    provider.overrides = {
      raw: (path, response) => path === "/token" && response.writeHead(429).end("slow") !== undefined,
    };
    expect((await browser.fetch("/api/x")).status).toBe(503);
    provider.overrides = {};
    expect((await browser.fetch("/api/x")).status).toBe(200);
    expect(gateway.events("refresh_outcome_unknown")).toHaveLength(before);
  });
});

describe("an error of the pushed authorization endpoint", () => {
  /** Rejections of the push itself: a plain request follows (0039). */
  const FALLS_BACK = ["unauthorized_client", "request_uri_not_supported"];

  it.each(REGISTERED)(
    "the error %s of the pushed authorization endpoint fails the login with the right status, or falls back to a plain request",
    async (error) => {
      const metadata: NonNullable<Overrides["metadata"]> = (original) => ({
        ...original,
        pushed_authorization_request_endpoint: `${provider.issuer}/pushed`,
      });
      const shared = gateway;
      provider.overrides = { metadata };
      gateway = await start();
      try {
        expect((await testBrowser(gateway.origin).login()).status).toBe(303);
        expect(await gateway.readiness("provider")).toEqual({ status: "ok" });
        provider.overrides = { metadata, raw: rejecting("/pushed", { error }) };
        const response = await testBrowser(gateway.origin).navigate("/bff/login");
        expect(response.status).toBe(FALLS_BACK.includes(error) ? 303 : loginStatus(error));
        if (FALLS_BACK.includes(error)) return;
        await expectError(Object.hasOwn(SETTINGS_OF_LOGIN, error) ? SETTINGS_OF_LOGIN[error] : undefined);
        provider.overrides = { metadata };
        expect((await testBrowser(gateway.origin).navigate("/bff/login")).status).toBe(303);
        await expectError(undefined);
      } finally {
        await gateway.stop();
        gateway = shared;
      }
    },
  );
});

describe("an error of the revocation endpoint (RFC 7009 §2.2.1)", () => {
  it("a logout works with every error code of the revocation endpoint", async () => {
    const metadata: NonNullable<Overrides["metadata"]> = (original) => ({
      ...original,
      revocation_endpoint: `${provider.issuer}/revoke`,
    });
    const shared = gateway;
    provider.overrides = { metadata };
    gateway = await start();
    try {
      for (const error of REGISTERED)
        for (const status of [400, 401, 403, 503]) {
          const browser = await loggedIn();
          provider.overrides = { metadata, raw: rejecting("/revoke", { status, error }) };
          const logout = await browser.fetch("/bff/logout", {
            method: "POST",
            headers: { accept: "application/json" },
          });
          expect([logout.status, await isLoggedIn(browser)], `${status} ${error}`).toEqual([200, false]);
        }
    } finally {
      await gateway.stop();
      gateway = shared;
    }
  }, 60_000);
});

describe("a rejected setting", () => {
  it("a rejected setting at the revocation endpoint is reported, and a later success clears it", async () => {
    const metadata: NonNullable<Overrides["metadata"]> = (original) => ({
      ...original,
      revocation_endpoint: `${provider.issuer}/revoke`,
    });
    const shared = gateway;
    provider.overrides = { metadata };
    gateway = await start();
    const logOut = async (overrides: Overrides) => {
      const browser = await loggedIn();
      provider.overrides = { metadata, ...overrides };
      await browser.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
    };
    try {
      await gateway.readiness("provider");
      await logOut({ raw: rejecting("/revoke", { error: "unauthorized_client" }) });
      await expect.poll(async () => (await gateway.readiness("provider")).detail).toMatch(/may not revoke/);
      await logOut({});
      await expect.poll(() => gateway.readiness("provider")).toEqual({ status: "ok" });
    } finally {
      await gateway.stop();
      gateway = shared;
    }
  });

  it("a rejected setting is logged once, stays in /readyz until a success at the same endpoint, and names no text of the provider", async () => {
    const browser = await loggedIn();
    await gateway.readiness("provider");
    const lines = () => gateway.log.filter((line) => line.includes("provider rejects the configuration")).length;
    const before = lines();
    provider.overrides = { raw: rejecting("/token", { error: "invalid_scope", description: "no-such-secret" }) };
    for (let n = 0; n < 3; n++) expect((await browser.fetch("/api/x")).status).toBe(503);
    expect(lines() - before).toBe(1);
    await expectError(/OIDC_SCOPE/);
    // A login does not prove that refreshes work.
    provider.overrides = {};
    expect((await testBrowser(gateway.origin).login()).status).toBe(303);
    await expectError(/OIDC_SCOPE/);
    // The circuit is open after three rejections.
    await expect.poll(async () => (await browser.fetch("/api/x")).status).toBe(200);
    await expectError(undefined);
    expect(gateway.log.join("")).not.toContain("no-such-secret");
  });
});
