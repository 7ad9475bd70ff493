import { decodeJwt } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ProviderHandle } from "../src/provider/types.ts";
import type { Page } from "../src/form-browser.ts";
import {
  ALICE,
  attempt,
  basic,
  callbackOf,
  CLIENT,
  logIn,
  newBrowser,
  redeem,
  startTestProvider,
} from "../src/provider-client.ts";

let provider: ProviderHandle;

beforeAll(async () => {
  provider = await startTestProvider();
});
afterAll(() => provider.stop());

const alertOf = (page: Page) => /<p role="alert"[^>]*>([^<]+)<\/p>/.exec(page.html)?.[1];

test("a login brings a code, our state and the issuer, and tokens that say who, how and for whom", async () => {
  const login = attempt(provider);
  const browser = newBrowser();
  const back = callbackOf(await browser.submit(await browser.open(login.url), ALICE, /\/login$/));
  expect(back.get("state")).toBe(login.params["state"]);
  expect(back.get("iss")).toBe(provider.issuer);

  const tokens = await redeem(provider, back.get("code") ?? "", login);
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

test("a wrong password and an unknown user get the same answer, with the form to try again", async () => {
  const browser = newBrowser();
  const page = await browser.open(attempt(provider).url);
  const wrong = await browser.submit(page, { username: "alice", password: "guess" }, /\/login$/);
  const unknown = await browser.submit(wrong, { username: "mallory", password: "guess" }, /\/login$/);
  expect([wrong.status, unknown.status]).toEqual([200, 200]);
  expect(alertOf(wrong)).toBe("Username or password is wrong. Please try again.");
  expect(alertOf(unknown)).toBe(alertOf(wrong));
  expect(wrong.html).toContain('value="alice"');
  expect(wrong.html).not.toContain("guess");
  const back = await browser.submit(unknown, ALICE, /\/login$/);
  expect(callbackOf(back).get("code")).not.toBeNull();
});

test("another browser cannot answer an attempt that it did not start", async () => {
  const page = await newBrowser().open(attempt(provider).url);
  const thief = newBrowser();
  const answer = await thief.submit(page, ALICE, /\/login$/);
  expect(answer.status).toBe(400);
  expect(answer.html).toContain("This login has expired");
});

test("the cookie of one attempt answers no other", async () => {
  const victim = await newBrowser().open(attempt(provider).url);
  const thief = newBrowser();
  await thief.open(attempt(provider).url);
  const cookie = thief
    .cookies()
    .map(({ name, value }) => `${name}=${value}`)
    .join("; ");
  const body = new URLSearchParams(ALICE);
  const answer = await thief.open(`${victim.url}/login`, { method: "POST", body, headers: { cookie } });
  expect(answer.status).toBe(400);
});

test("what a link suggests as username is shown as text, never as markup", async () => {
  const page = await newBrowser().open(attempt(provider, { login_hint: '"><script>alert(1)</script>' }).url);
  expect(page.html).not.toContain("<script>alert");
  expect(page.html).toContain('value="&quot;&gt;&lt;script&gt;');
});

test("the pages allow no inline script or style, and forms to the client's own origin only", async () => {
  const page = await newBrowser().open(attempt(provider).url);
  const policy = page.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("form-action 'self' http://localhost:3000");
  expect(policy).not.toContain("unsafe");
  expect(page.html).not.toMatch(/<style|\sstyle=|\son\w+=|<script>/);
});

test("cancel comes back to the client as access_denied", async () => {
  const browser = newBrowser();
  const back = await browser.submit(await browser.open(attempt(provider).url), {}, /\/cancel$/);
  expect(callbackOf(back).get("error")).toBe("access_denied");
});

test("who is logged in is not asked again, except with prompt=login or after max_age", async () => {
  const { browser } = await logIn(provider);
  expect(callbackOf(await browser.open(attempt(provider).url)).get("code")).not.toBeNull();
  expect(callbackOf(await browser.open(attempt(provider, { prompt: "none" }).url)).get("code")).not.toBeNull();
  expect((await browser.open(attempt(provider, { prompt: "login" }).url)).html).toContain("Log in");
  expect((await browser.open(attempt(provider, { max_age: "0" }).url)).html).toContain("Log in");
  expect(callbackOf(await newBrowser().open(attempt(provider, { prompt: "none" }).url)).get("error")).toBe(
    "login_required",
  );
});

test("acr_values=2 asks for a one-time code on top, and the tokens say so", async () => {
  const { browser } = await logIn(provider);
  const stronger = attempt(provider, { acr_values: "2" });
  const page = await browser.open(stronger.url);
  const wrong = await browser.submit(page, { code: "000000" }, /\/code$/);
  expect(alertOf(wrong)).toBe("That code is wrong. Please try again.");
  const back = await browser.submit(wrong, { code: "123456" }, /\/code$/);
  const tokens = await redeem(provider, callbackOf(back).get("code") ?? "", stronger);
  expect([decodeJwt(tokens.id_token)["acr"], decodeJwt(tokens.access_token)["acr"]]).toEqual(["2", "2"]);
});

test("the one-time code alone is no login", async () => {
  const browser = newBrowser();
  const page = await browser.open(attempt(provider, { acr_values: "2" }).url);
  expect(page.html).toContain('name="password"');
  const skipped = await browser.open(`${page.url}/code`, {
    method: "POST",
    body: new URLSearchParams({ code: "123456" }),
  });
  expect(skipped.status).toBe(400);
});

test("consent is asked where it is wanted, remembered, and can be refused", async () => {
  const asking = await startTestProvider({ skipConsent: false });
  try {
    const browser = newBrowser();
    const login = attempt(asking);
    const consent = await browser.submit(await browser.open(login.url), ALICE, /\/login$/);
    expect(consent.html).toContain("Allow access?");
    const back = await browser.submit(consent, {}, /\/consent$/);
    const tokens = await redeem(asking, callbackOf(back).get("code") ?? "", login);
    expect(decodeJwt(tokens.access_token)["scope"]).toBe("openid profile email");
    await logIn(asking);

    const admin = { username: "admin", password: "admin-demo-password" };
    const other = newBrowser();
    const question = await other.submit(await other.open(attempt(asking).url), admin, /\/login$/);
    expect(callbackOf(await other.submit(question, {}, /\/cancel$/)).get("error")).toBe("access_denied");
  } finally {
    await asking.stop();
  }
});

test("a pushed request starts a login that the address bar tells nothing about", async () => {
  const login = attempt(provider);
  const pushed = await fetch(`${provider.issuer}/request`, {
    method: "POST",
    headers: { authorization: basic() },
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
  expect((await redeem(provider, callbackOf(back).get("code") ?? "", login)).status).toBe(200);
});

test("a login without PKCE, or with the plain method, is refused", async () => {
  const { code_challenge: _c, code_challenge_method: _m, ...without } = attempt(provider).params;
  const bare = await newBrowser().open(`${provider.issuer}/auth?${new URLSearchParams(without).toString()}`);
  expect(callbackOf(bare).get("error")).toBe("invalid_request");
  const plain = await newBrowser().open(attempt(provider, { code_challenge_method: "plain" }).url);
  expect(callbackOf(plain).get("error")).toBe("invalid_request");
});
