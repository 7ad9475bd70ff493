// Signed authorization responses (JARM): OIDC_SIGNED_RESPONSE. Names as in the OpenID conformance suite's plan
// fapi2-message-signing-final-client-test-plan.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import {
  breakSignature,
  startHostileProvider,
  unsigned,
  without,
  type HostileProvider,
  type Overrides,
} from "@cloakroom/testkit/hostile-provider.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";

let provider: HostileProvider;
let gateway: TestGateway;

beforeAll(async () => {
  provider = await startHostileProvider({ alg: "PS256" });
  gateway = await startGateway({ ...provider, env: { OIDC_SIGNED_RESPONSE: "on", OIDC_ID_TOKEN_ALG: "PS256" } });
});
afterEach(() => {
  provider.overrides = {};
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop();
});

const now = () => Math.floor(Date.now() / 1000);
type SignedLies = NonNullable<Overrides["signedResponse"]>;
const changed =
  (members: object) =>
  (claims: object): Record<string, unknown> => ({ ...claims, ...members });

describe("a signed authorization response", () => {
  it.each<[string, SignedLies]>([
    ["happy-path", {}],
    ["aud as a list", { claims: (claims) => ({ ...claims, aud: [claims["aud"]] }) }],
    ["typ JWT", { header: (header) => ({ ...header, typ: "JWT" }) }],
    ["further claims", { claims: changed({ session_state: "x", ignored: { nested: true } }) }],
  ])("a signed authorization response, %s: the login succeeds", async (_name, signedResponse) => {
    provider.overrides = { signedResponse };
    const browser = testBrowser(gateway.origin);
    expect((await browser.login()).status).toBe(303);
    expect(provider.requests.front.at(-1)?.get("response_mode")).toBe("jwt");
  });

  it("a signed authorization response with a key that was published just before is accepted", async () => {
    const browser = testBrowser(gateway.origin);
    await provider.rotate();
    expect((await browser.login()).status).toBe(303);
  }, 20_000);

  it.each<[string, SignedLies]>([
    ["ensure-jarm-without-iss-fails", { claims: without("iss") }],
    ["ensure-jarm-with-invalid-iss-fails", { claims: (claims) => ({ ...claims, iss: `${claims["iss"] as string}1` }) }],
    ["ensure-jarm-without-aud-fails", { claims: without("aud") }],
    ["ensure-jarm-with-invalid-aud-fails", { claims: changed({ aud: "cloakroom-test1" }) }],
    ["ensure-jarm-without-exp-fails", { claims: without("exp") }],
    ["ensure-jarm-with-expired-exp-fails", { claims: (claims) => ({ ...claims, exp: now() - 360 }) }],
    ["ensure-jarm-with-invalid-sig-fails", { jwt: breakSignature }],
    ["ensure-jarm-signature-is-not-none", { jwt: unsigned("none") }],
    ["alg HS256", { jwt: unsigned("HS256") }],
    ["an unpublished key", { foreignKey: true }],
    ["a published key of another algorithm", { header: () => ({ alg: "RS256", kid: "rs256" }) }],
    ["iss that is a list", { claims: (claims) => ({ ...claims, iss: [claims["iss"]] }) }],
    ["exp that is text", { claims: changed({ exp: "soon" }) }],
    ["nbf in the future", { claims: changed({ nbf: now() + 600 }) }],
    ["no state", { claims: without("state") }],
    ["state that is a list", { claims: (claims) => ({ ...claims, state: [claims["state"]] }) }],
    ["an altered state", { claims: (claims) => ({ ...claims, state: `${claims["state"] as string}x` }) }],
    ["no code", { claims: without("code") }],
    ["no JWT", { jwt: () => "garbage" }],
    ["an empty response", { jwt: () => "" }],
    ["an encrypted response", { jwt: (jwt) => `${jwt}.x.y` }],
    ["a plain parameter beside it", { query: (query) => ({ ...query, code: "of-an-attacker" }) }],
    ["a plain state beside it", { query: (query) => ({ ...query, state: "of-an-attacker" }) }],
    ["no response", { query: () => ({}) }],
  ])("%s: the login is rejected without a token request", async (_name, signedResponse) => {
    const before = provider.counts.token;
    provider.overrides = { signedResponse };
    const browser = testBrowser(gateway.origin);
    expect((await browser.login()).status).toBe(400);
    expect(provider.counts.token).toBe(before);
    expect(await (await browser.fetch("/bff/user")).json()).toEqual({ user: null, session: null });
  });

  it("a plain response is rejected, also one with an error", async () => {
    const browser = testBrowser(gateway.origin);
    const callback = new URL(await browser.loginAtProvider());
    const claims = JSON.parse(
      Buffer.from(callback.searchParams.get("response")!.split(".")[1]!, "base64url").toString(),
    ) as Record<string, string>;
    const { state = "", code = "", iss = "" } = claims;
    for (const parameters of [
      { state, code, iss },
      { state, error: "login_required", iss },
    ]) {
      const plain = `/bff/callback?${new URLSearchParams(parameters as Record<string, string>).toString()}`;
      expect((await browser.navigate(plain)).status).toBe(400);
    }
    expect(gateway.events("login_failed").at(-1)?.["reason"]).toMatch(/is not signed, and OIDC_SIGNED_RESPONSE is on/);
    // Neither of them has spent the login attempt.
    expect((await browser.navigate(callback.href)).status).toBe(303);
    expect((await browser.fetch("/bff/user")).status).toBe(200);
  });

  it("an error in a signed response is handled like a plain one", async () => {
    provider.overrides = {
      authorizationResponse: (original) => ({ ...without("code")(original), error: "login_required" }),
    };
    const silent = await testBrowser(gateway.origin).login("?prompt=none&returnTo=%2Fhome");
    expect([silent.status, silent.headers.get("location")]).toEqual([303, `${gateway.config.publicOrigin}/home`]);
    expect((await testBrowser(gateway.origin).login()).status).toBe(400);
  });

  it("a forged response does not spend the login attempt", async () => {
    const browser = testBrowser(gateway.origin);
    const callback = new URL(await browser.loginAtProvider());
    const forged = new URL(callback);
    forged.searchParams.set("response", breakSignature(callback.searchParams.get("response")!));
    expect((await browser.navigate(forged.href)).status).toBe(400);
    expect((await browser.navigate(callback.href)).status).toBe(303);
    const user = (await (await browser.fetch("/bff/user")).json()) as { user: unknown };
    expect(user.user).not.toBeNull();
  });

  it("responses with unknown keys and no login attempt cause no request for keys", async () => {
    const browser = testBrowser(gateway.origin);
    const response = new URL(await browser.loginAtProvider()).searchParams.get("response")!;
    const [, payload] = response.split(".");
    const header = Buffer.from(JSON.stringify({ alg: "PS256", kid: "unknown" })).toString("base64url");
    const garbage = `${header}.${payload}.${"A".repeat(342)}`;
    const before = provider.counts.jwks;
    const startedMs = performance.now();
    const other = testBrowser(gateway.origin);
    for (let n = 0; n < 50; n++) expect((await other.navigate(`/bff/callback?response=${garbage}`)).status).toBe(400);
    expect(provider.counts.jwks).toBe(before);
    expect(performance.now() - startedMs).toBeLessThan(4_000);
  }, 30_000);

  it("a signed authorization response without the provider's keys: 503, and the same response works once they are back", async () => {
    const fresh = await startGateway({
      ...provider,
      env: { OIDC_SIGNED_RESPONSE: "on", OIDC_ID_TOKEN_ALG: "PS256" },
    });
    const browser = testBrowser(fresh.origin);
    const callback = await browser.loginAtProvider();
    provider.overrides = { raw: (path, response) => path === "/jwks" && response.writeHead(500).end() !== undefined };
    expect((await browser.navigate(callback)).status).toBe(503);
    provider.overrides = {};
    await expect.poll(async () => (await browser.navigate(callback)).status, { timeout: 10_000 }).toBe(303);
    await fresh.stop();
  }, 20_000);
});

describe("OIDC_SIGNED_RESPONSE and the provider's metadata", () => {
  it.each<[string, string[] | undefined, string | undefined]>([
    ["no response_modes_supported", undefined, "jwt"],
    ["jwt", ["query", "jwt"], "jwt"],
    ["query.jwt only", ["query", "query.jwt"], "query.jwt"],
    ["no signed mode", ["query", "form_post"], undefined],
  ])("the response mode follows response_modes_supported: %s", async (_name, modes, expected) => {
    const other = await startHostileProvider();
    other.overrides = {
      metadata: (metadata) => ({ ...metadata, ...(modes === undefined ? {} : { response_modes_supported: modes }) }),
    };
    const fresh = await startGateway({ ...other, env: { OIDC_SIGNED_RESPONSE: "on" } });
    const status = expected === undefined ? 400 : 303;
    const login = await testBrowser(fresh.origin).navigate("/bff/login");
    expect(login.status).toBe(status);
    if (expected === undefined)
      expect(await fresh.readiness("provider")).toEqual({
        status: "failed",
        detail: expect.stringMatching(/^OIDC_SIGNED_RESPONSE is on, but the provider does not sign/),
      });
    else expect(new URL(login.headers.get("location")!).searchParams.get("response_mode")).toBe(expected);
    await fresh.stop();
    await other.stop();
  });

  it("OIDC_SIGNED_RESPONSE=off: a signed response is rejected", async () => {
    const fresh = await startGateway({ ...provider, env: { OIDC_ID_TOKEN_ALG: "PS256" } });
    const browser = testBrowser(fresh.origin);
    const response = new URL(await testBrowser(gateway.origin).loginAtProvider()).searchParams.get("response");
    expect((await browser.navigate(`/bff/callback?response=${response}`)).status).toBe(400);
    expect(fresh.events("login_failed").at(-1)?.["reason"]).toMatch(/is signed, and OIDC_SIGNED_RESPONSE is off/);
    await fresh.stop();
  });
});
