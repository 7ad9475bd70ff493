// Logins at the embedded provider: forms, single sign-on, step-up, consent, PAR and PKCE.
import { decodeJwt } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ProviderHandle } from "../src/provider/types.ts";
import type { Page } from "../src/form-browser.ts";
import {
  ALICE,
  createLoginAttempt,
  basicAuthorization,
  callbackParams,
  CLIENT,
  logIn,
  newBrowser,
  redeemCode,
  startTestProvider,
} from "../src/provider-client.ts";

let provider: ProviderHandle;

beforeAll(async () => {
  provider = await startTestProvider();
});
afterAll(() => provider.stop());

const alertOf = (page: Page) => /<p role="alert"[^>]*>([^<]+)<\/p>/.exec(page.html)?.[1];

test("a login returns code, state and iss, and tokens with the user's claims, acr and audience", async () => {
  const login = createLoginAttempt(provider);
  const browser = newBrowser();
  const back = callbackParams(await browser.submit(await browser.open(login.url), ALICE, /\/login$/));
  expect(back.get("state")).toBe(login.params["state"]);
  expect(back.get("iss")).toBe(provider.issuer);

  const tokens = await redeemCode(provider, back.get("code") ?? "", login);
  expect(decodeJwt(tokens.id_token)).toMatchObject({
    iss: provider.issuer,
    aud: CLIENT.clientId,
    nonce: login.params["nonce"],
    sid: expect.any(String) as string,
    acr: "1",
    auth_time: expect.any(Number) as number,
    name: "Alice Example",
    email: "alice@example.com",
    roles: ["user"],
    department: "engineering",
  });
  expect(decodeJwt(tokens.access_token)).toMatchObject({
    aud: "http://localhost:8000",
    scope: "openid profile email",
    preferred_username: "alice",
    roles: ["user"],
    department: "engineering",
    acr: "1",
  });
  expect(tokens.refresh_token).toEqual(expect.any(String));
});

test("a wrong password and an unknown user get the same error on the login form", async () => {
  const browser = newBrowser();
  const page = await browser.open(createLoginAttempt(provider).url);
  const wrong = await browser.submit(page, { username: "alice", password: "guess" }, /\/login$/);
  const unknown = await browser.submit(wrong, { username: "mallory", password: "guess" }, /\/login$/);
  expect([wrong.status, unknown.status]).toEqual([200, 200]);
  expect(alertOf(wrong)).toBe("Username or password is wrong. Please try again.");
  expect(alertOf(unknown)).toBe(alertOf(wrong));
  expect(wrong.html).toContain('value="alice"');
  expect(wrong.html).not.toContain("guess");
  const back = await browser.submit(unknown, ALICE, /\/login$/);
  expect(callbackParams(back).get("code")).not.toBeNull();
});

test("a login form submitted by another browser is rejected", async () => {
  const page = await newBrowser().open(createLoginAttempt(provider).url);
  const thief = newBrowser();
  const response = await thief.submit(page, ALICE, /\/login$/);
  expect(response.status).toBe(400);
  expect(response.html).toContain("This login has expired");
});

test("a login form submitted with the cookie of another login attempt is rejected", async () => {
  const victim = await newBrowser().open(createLoginAttempt(provider).url);
  const thief = newBrowser();
  await thief.open(createLoginAttempt(provider).url);
  const cookie = thief
    .cookies()
    .map(({ name, value }) => `${name}=${value}`)
    .join("; ");
  const body = new URLSearchParams(ALICE);
  const response = await thief.open(`${victim.url}/login`, { method: "POST", body, headers: { cookie } });
  expect(response.status).toBe(400);
});

test("login_hint is escaped in the login form", async () => {
  const page = await newBrowser().open(createLoginAttempt(provider, { login_hint: '"><script>alert(1)</script>' }).url);
  expect(page.html).not.toContain("<script>alert");
  expect(page.html).toContain('value="&quot;&gt;&lt;script&gt;');
});

test("the CSP of the pages forbids inline scripts and styles, and forms except to the client's origin", async () => {
  const page = await newBrowser().open(createLoginAttempt(provider).url);
  const policy = page.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("form-action 'self' http://localhost:3000");
  expect(policy).not.toContain("unsafe");
  expect(page.html).not.toMatch(/<style|\sstyle=|\son\w+=|<script>/);
});

test("a cancelled login returns access_denied to the client", async () => {
  const browser = newBrowser();
  const back = await browser.submit(await browser.open(createLoginAttempt(provider).url), {}, /\/cancel$/);
  expect(callbackParams(back).get("error")).toBe("access_denied");
});

test("a logged-in user is not prompted, except with prompt=login or max_age=0", async () => {
  const { browser } = await logIn(provider);
  expect(callbackParams(await browser.open(createLoginAttempt(provider).url)).get("code")).not.toBeNull();
  expect(
    callbackParams(await browser.open(createLoginAttempt(provider, { prompt: "none" }).url)).get("code"),
  ).not.toBeNull();
  expect((await browser.open(createLoginAttempt(provider, { prompt: "login" }).url)).html).toContain("Log in");
  expect((await browser.open(createLoginAttempt(provider, { max_age: "0" }).url)).html).toContain("Log in");
  expect(
    callbackParams(await newBrowser().open(createLoginAttempt(provider, { prompt: "none" }).url)).get("error"),
  ).toBe("login_required");
});

test("acr_values=2 requires a one-time code and sets acr=2 in the tokens", async () => {
  const { browser } = await logIn(provider);
  const stronger = createLoginAttempt(provider, { acr_values: "2" });
  const page = await browser.open(stronger.url);
  const wrong = await browser.submit(page, { code: "000000" }, /\/code$/);
  expect(alertOf(wrong)).toBe("That code is wrong. Please try again.");
  const back = await browser.submit(wrong, { code: "123456" }, /\/code$/);
  const tokens = await redeemCode(provider, callbackParams(back).get("code") ?? "", stronger);
  expect([decodeJwt(tokens.id_token)["acr"], decodeJwt(tokens.access_token)["acr"]]).toEqual(["2", "2"]);
});

test("a one-time code without a password is rejected", async () => {
  const browser = newBrowser();
  const page = await browser.open(createLoginAttempt(provider, { acr_values: "2" }).url);
  expect(page.html).toContain('name="password"');
  const skipped = await browser.open(`${page.url}/code`, {
    method: "POST",
    body: new URLSearchParams({ code: "123456" }),
  });
  expect(skipped.status).toBe(400);
});

test("skipConsent: false shows the consent page once per user, and a denial returns access_denied", async () => {
  const consenting = await startTestProvider({ skipConsent: false });
  try {
    const browser = newBrowser();
    const login = createLoginAttempt(consenting);
    const consent = await browser.submit(await browser.open(login.url), ALICE, /\/login$/);
    expect(consent.html).toContain("Allow access?");
    const back = await browser.submit(consent, {}, /\/consent$/);
    const tokens = await redeemCode(consenting, callbackParams(back).get("code") ?? "", login);
    expect(decodeJwt(tokens.access_token)["scope"]).toBe("openid profile email");
    await logIn(consenting);

    const admin = { username: "admin", password: "admin-demo-password" };
    const other = newBrowser();
    const question = await other.submit(await other.open(createLoginAttempt(consenting).url), admin, /\/login$/);
    expect(callbackParams(await other.submit(question, {}, /\/cancel$/)).get("error")).toBe("access_denied");
  } finally {
    await consenting.stop();
  }
});

test("a pushed authorization request starts a login by its request_uri", async () => {
  const login = createLoginAttempt(provider);
  const pushed = await fetch(`${provider.issuer}/request`, {
    method: "POST",
    headers: { authorization: basicAuthorization() },
    body: new URLSearchParams(login.params),
  });
  const { request_uri } = (await pushed.json()) as { request_uri: string };
  const browser = newBrowser();
  const start = new URLSearchParams({ client_id: CLIENT.clientId, request_uri });
  const back = await browser.submit(
    await browser.open(`${provider.issuer}/auth?${start.toString()}`),
    ALICE,
    /\/login$/,
  );
  expect((await redeemCode(provider, callbackParams(back).get("code") ?? "", login)).status).toBe(200);
});

test("a login without PKCE or with the plain method is rejected", async () => {
  const { code_challenge: _c, code_challenge_method: _m, ...without } = createLoginAttempt(provider).params;
  const bare = await newBrowser().open(`${provider.issuer}/auth?${new URLSearchParams(without).toString()}`);
  expect(callbackParams(bare).get("error")).toBe("invalid_request");
  const plain = await newBrowser().open(createLoginAttempt(provider, { code_challenge_method: "plain" }).url);
  expect(callbackParams(plain).get("error")).toBe("invalid_request");
});
