// A wrong setting is reported by name: in /readyz before the first login, and in the log of a failed login.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import * as oidc from "openid-client";
import { startProvider } from "@cloakroom/testing/provider/start-provider.ts";
import type { ProviderHandle } from "@cloakroom/testing/provider/types.ts";
import { refreshError } from "../../src/provider/provider-errors.ts";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { startHostileProvider } from "@cloakroom/testkit/hostile-provider.ts";

const CLIENT = { clientId: "cloakroom", clientSecret: "a-client-secret-of-the-tests" };
const json = "application/json";

let provider: ProviderHandle;
const gateways: TestGateway[] = [];

beforeAll(async () => {
  provider = await startProvider({ port: 0, passwordCost: 1_024 });
});
afterAll(() => provider.stop());
afterEach(async () => {
  provider.faults.clear();
  for (const gateway of gateways.splice(0)) await gateway.stop();
});

async function gatewayWith(options: Partial<typeof CLIENT & { issuer: string }>): Promise<TestGateway> {
  const gateway = await startGateway({ issuer: provider.issuer, ...CLIENT, ...options });
  gateways.push(gateway);
  return gateway;
}

async function registered(gateway: TestGateway, origin = gateway.config.publicOrigin): Promise<TestGateway> {
  await provider.addClient({ ...CLIENT, redirectUris: [`${origin}/bff/callback`] });
  return gateway;
}

/** The logged reason of a failed login. */
async function rejectedLogin(gateway: TestGateway): Promise<string> {
  const response = await testBrowser(gateway.origin).navigate("/bff/login");
  // Not 503, because a retry would be rejected again.
  expect(response.status).toBe(400);
  expect(await response.text()).not.toContain("OIDC_");
  return gateway.log.join("\n");
}

describe("/readyz before the first login", () => {
  it("/readyz before the first login reports a wrong client secret, as does the log of a login", async () => {
    const gateway = await registered(await gatewayWith({ clientSecret: "this-is-another-client-secret" }));
    const { status, detail } = await gateway.readiness("provider");
    expect(status).toBe("failed");
    expect(detail).toMatch(/^the provider rejects OIDC_CLIENT_ID with this OIDC_CLIENT_SECRET\. Copy both/);
    const log = await rejectedLogin(gateway);
    expect(log).toContain("OIDC_CLIENT_SECRET");
    expect(log).not.toContain("this-is-another-client-secret");
  });

  it("/readyz before the first login reports an unregistered redirect URI, and is ready once it is registered", async () => {
    const gateway = await registered(await gatewayWith({}), "http://localhost:9");
    const { status, detail } = await gateway.readiness("provider");
    expect(status).toBe("failed");
    expect(detail).toMatch(/does not know our redirect URI\. Register PUBLIC_ORIGIN/);
    expect(await rejectedLogin(gateway)).toContain("PUBLIC_ORIGIN");
    await registered(gateway);
    await expect.poll(() => gateway.readiness("provider"), { timeout: 15_000 }).toEqual({ status: "ok" });
  }, 30_000);

  it("/readyz before the first login reports an unknown realm", async () => {
    const gateway = await gatewayWith({ issuer: `${provider.issuer}/realms/nowhere` });
    const { status, detail } = await gateway.readiness("provider");
    expect(status).toBe("failed");
    expect(detail).toMatch(/^OIDC_ISSUER names no realm .* \(404\)\. Correct the setting or import the realm$/);
  });

  it("/readyz before the first login reports a provider that is starting", async () => {
    const gateway = await registered(await gatewayWith({}));
    provider.faults.set({ endpoint: "discovery", status: 503 });
    const { detail } = await gateway.readiness("provider");
    expect(detail).toMatch(/^OIDC_ISSUER does not respond with a discovery document.*finished starting\?$/);
    provider.faults.clear();
    await expect.poll(() => gateway.readiness("provider"), { timeout: 15_000 }).toEqual({ status: "ok" });
  }, 30_000);

  // Responses of Keycloak, which uses one error code for several causes, and of the specifications.
  it.each([
    ["OIDC_CLIENT_SECRET", 401, { error: "invalid_request", error_description: "Authentication failed." }],
    ["PUBLIC_ORIGIN", 400, { error: "invalid_request", error_description: "Invalid parameter: redirect_uri" }],
    ["OIDC_SCOPE", 400, { error: "invalid_scope", error_description: "Invalid scopes: openid nonsense" }],
    ["OIDC_RESOURCE", 400, { error: "invalid_target", error_description: "unknown to me" }],
    ["Standard flow", 400, { error: "unauthorized_client", error_description: "not for you" }],
  ])("/readyz before the first login names %s if the provider responds %i %o", async (setting, status, response) => {
    const gateway = await registered(await gatewayWith({}));
    provider.faults.set({ endpoint: "par", status, contentType: json, body: JSON.stringify(response) });
    const { detail = "" } = await gateway.readiness("provider");
    expect(detail).toContain(setting);
    expect(detail).not.toContain(response.error_description);
  });

  it("/readyz before the first login names no setting for an error that is not about one", async () => {
    const gateway = await registered(await gatewayWith({}));
    const body = JSON.stringify({ error: "invalid_request", error_description: "Invalid parameter: prompt OIDC" });
    provider.faults.set({ endpoint: "par", status: 400, contentType: json, body });
    expect(await gateway.readiness("provider")).toEqual({
      status: "failed",
      detail: "provider error: invalid_request",
    });
  });
});

it("the registration check sends no request after it has succeeded", async () => {
  const gateway = await registered(await gatewayWith({}));
  await gateway.readiness("provider");
  provider.resetCounts();
  for (let n = 0; n < 3; n++) expect(await gateway.readiness("provider")).toEqual({ status: "ok" });
  expect(provider.count("par")).toBe(0);
});

describe("clock skew", () => {
  const now = () => Math.floor(Date.now() / 1000);
  it("a clock skew of 20 s: logins succeed, and /readyz reports it", async () => {
    const hostile = await startHostileProvider();
    const gateway = await gatewayWith(hostile);
    hostile.overrides = { claims: (claims) => ({ ...claims, iat: now() + 20 }) };
    expect((await testBrowser(gateway.origin).login()).status).toBe(303);
    expect(await gateway.readiness("clock")).toMatchObject({
      status: "degraded",
      detail: expect.stringMatching(/(19|20) s ahead of ours, and logins are rejected beyond the 30 s/),
    });
    await hostile.stop();
  });

  it.each([
    ["600 s ahead of ours", 600],
    ["86400 s behind ours", -86_400],
  ])(
    "clock skew, %s: the login is rejected with the cure in the log, and /readyz reports the skew until it is gone",
    async (words, ahead) => {
      const hostile = await startHostileProvider();
      const gateway = await gatewayWith(hostile);
      expect(await gateway.readiness("clock")).toEqual({ status: "ok" });
      hostile.overrides = { claims: (claims) => ({ ...claims, iat: now() + ahead, exp: now() + ahead + 300 }) };
      expect((await testBrowser(gateway.origin).login()).status).toBe(400);
      // Plus the time that the response took.
      const sentence = new RegExp(
        words.replace(/^\d+/, (seconds) => `(${seconds}|${Number(seconds) + Math.sign(-ahead)})`),
      );
      const { status, detail } = await gateway.readiness("clock");
      expect(status).toBe("degraded");
      expect(detail).toMatch(sentence);
      expect(detail).toMatch(/Set both by NTP$/);
      expect(gateway.events("login_failed").at(-1)?.["reason"]).toMatch(sentence);
      hostile.overrides = {};
      expect((await testBrowser(gateway.origin).login()).status).toBe(303);
      expect(await gateway.readiness("clock")).toEqual({ status: "ok" });
      await hostile.stop();
    },
  );
});

describe("a refresh with a rejected client", () => {
  it("a 401 with WWW-Authenticate does not spend the refresh token (RFC 6749 §5.2)", () => {
    const response = new Response(null, { status: 401 });
    const challenged = new oidc.WWWAuthenticateChallengeError("rejected", { cause: [], response });
    expect(refreshError(challenged)).toMatchObject({
      kind: "unspent",
      reason: expect.stringContaining("OIDC_CLIENT_SECRET"),
    });
  });

  it("a rejected refresh names the setting of the method that authenticates the client", () => {
    const response = new Response(null, { status: 401 });
    const challenged = new oidc.WWWAuthenticateChallengeError("rejected", { cause: [], response });
    for (const [method, setting] of [
      ["client_secret_jwt", "OIDC_CLIENT_SECRET"],
      ["private_key_jwt", "OIDC_CLIENT_KEY_FILE"],
      ["tls_client_auth", "OIDC_CLIENT_CERT_FILE"],
      ["self_signed_tls_client_auth", "OIDC_CLIENT_CERT_FILE"],
      ["assertion_file", "OIDC_CLIENT_ASSERTION_FILE"],
    ] as const)
      expect(refreshError(challenged, method)).toMatchObject({
        kind: "unspent",
        reason: expect.stringContaining(setting),
      });
  });

  it("a refresh with a rejected client keeps the session", async () => {
    const { startTestSystem } = await import("@cloakroom/testkit/system.ts");
    const system = await startTestSystem({ lifetimes: { accessTokenSeconds: 2 } });
    const browser = system.browser();
    await browser.login();
    const { clientId } = CLIENT;
    const known = { redirectUris: [`${system.gateway.config.publicOrigin}/bff/callback`] };
    await system.provider.addClient({ clientId, clientSecret: "changed-by-an-administrator", ...known });
    await expect.poll(async () => (await browser.fetch("/api/x")).status, { timeout: 10_000 }).toBe(503);
    for (let n = 0; n < 3; n++) expect((await browser.fetch("/api/x")).status).toBe(503);
    await system.provider.addClient({ ...CLIENT, ...known });
    await expect.poll(async () => (await browser.fetch("/api/x")).status, { timeout: 10_000 }).toBe(200);
    await system.stop();
  }, 40_000);
});
