import { createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { readForm } from "../src/provider/form.ts";
import { providerStorage } from "../src/provider/storage.ts";
import type { ProviderHandle } from "../src/provider/types.ts";
import {
  attempt,
  basic,
  callbackOf,
  CLIENT,
  logIn,
  newBrowser,
  redeem,
  refresh,
  startTestProvider,
  tokenRequest,
} from "../src/provider-client.ts";

let provider: ProviderHandle;

beforeAll(async () => {
  provider = await startTestProvider();
});
afterAll(() => provider.stop());
beforeEach(() => {
  provider.faults.clear();
  provider.resetCounts();
});

test("every refresh brings a new refresh token and an ID token of the same user", async () => {
  const { tokens } = await logIn(provider);
  const renewed = await refresh(provider, tokens.refresh_token);
  expect(renewed.refresh_token).not.toBe(tokens.refresh_token);
  expect(decodeJwt(renewed.id_token).sub).toBe(decodeJwt(tokens.id_token).sub);
  expect(decodeJwt(renewed.access_token)).toMatchObject({ acr: "1", roles: ["user"] });
  expect((await refresh(provider, renewed.refresh_token)).status).toBe(200);
});

test("a refresh token that is spent twice kills its whole family, and no other", async () => {
  const { tokens, browser } = await logIn(provider);
  const sameSession = attempt(provider);
  const code = callbackOf(await browser.open(sameSession.url)).get("code") ?? "";
  const other = await tokenRequest(provider, {
    grant_type: "authorization_code",
    code,
    code_verifier: sameSession.verifier,
    redirect_uri: CLIENT.redirectUris[0] ?? "",
  });
  const renewed = await refresh(provider, tokens.refresh_token);
  expect(await refresh(provider, tokens.refresh_token)).toMatchObject({ status: 400, error: "invalid_grant" });
  expect(provider.count("refresh-token-reuse")).toBe(1);
  expect(await refresh(provider, renewed.refresh_token)).toMatchObject({ status: 400, error: "invalid_grant" });
  expect((await refresh(provider, other.refresh_token)).status).toBe(200);
});

test("of two refreshes with one token at the same moment one succeeds, and the family dies", async () => {
  const { tokens } = await logIn(provider);
  const both = await Promise.all([refresh(provider, tokens.refresh_token), refresh(provider, tokens.refresh_token)]);
  expect(new Set(both.map(({ status }) => status))).toEqual(new Set([200, 400]));
  expect(provider.count("refresh-token-reuse")).toBe(1);
  const survivor = both.find(({ status }) => status === 200)?.refresh_token ?? "";
  expect((await refresh(provider, survivor)).status).toBe(400);
});

test("takes the client's secret from the header and from the form", async () => {
  const form = { client_id: CLIENT.clientId, client_secret: CLIENT.clientSecret };
  const { tokens } = await logIn(provider);
  const posted = { grant_type: "refresh_token", refresh_token: tokens.refresh_token, ...form };
  expect((await tokenRequest(provider, posted, { authorization: "" })).status).toBe(200);
  const wrong = { ...posted, client_secret: "x".repeat(32) };
  expect(await tokenRequest(provider, wrong, { authorization: "" })).toMatchObject({ error: "invalid_client" });
});

test("only a client that may gets a token of its own", async () => {
  const own = { ...CLIENT, clientId: "machine", allowClientCredentials: true };
  await provider.addClient(own);
  const form = { grant_type: "client_credentials", scope: "profile" };
  const authorization = `Basic ${Buffer.from(`machine:${own.clientSecret}`).toString("base64")}`;
  const answer = await tokenRequest(provider, form, { authorization });
  expect(decodeJwt(answer.access_token)).toMatchObject({ sub: "machine", aud: provider.resource });
  expect(await tokenRequest(provider, form)).toMatchObject({ error: "invalid_request" });
});

test("a revoked refresh token is of no more use, and userinfo answers the access token", async () => {
  const { tokens } = await logIn(provider);
  const userinfo = await fetch(`${provider.issuer}/me`, {
    headers: { authorization: `Bearer ${tokens.access_token}` },
  });
  expect(await userinfo.json()).toMatchObject({ preferred_username: "alice", email: "alice@example.com" });
  const revoked = await fetch(`${provider.issuer}/token/revocation`, {
    method: "POST",
    headers: { authorization: basic() },
    body: new URLSearchParams({ token: tokens.refresh_token, token_type_hint: "refresh_token" }),
  });
  expect(revoked.status).toBe(200);
  expect(await refresh(provider, tokens.refresh_token)).toMatchObject({ error: "invalid_grant" });
});

test("writes down every token it issued", async () => {
  const { tokens } = await logIn(provider);
  const renewed = await refresh(provider, tokens.refresh_token);
  const issued = provider.issuedTokens();
  for (const { access_token, refresh_token, id_token } of [tokens, renewed]) {
    expect(issued.accessTokens).toContain(access_token);
    expect(issued.refreshTokens).toContain(refresh_token);
    expect(issued.idTokens).toContain(id_token);
  }
  expect(issued.clientSecrets).toContain(CLIENT.clientSecret);
  expect(issued.codes.length).toBeGreaterThan(0);
});

async function startReceiver(): Promise<{ url: string; tokens: string[]; close: () => void }> {
  const tokens: string[] = [];
  const server = createServer(
    (req: IncomingMessage, res) =>
      void readForm(req).then((form) => {
        tokens.push(form.get("logout_token") ?? "");
        res.end();
      }),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/logout`, tokens, close: () => server.close() };
}

test("logging out tells the client by a signed logout token that names the session", async () => {
  const receiver = await startReceiver();
  const telling = await startTestProvider({ clients: [{ ...CLIENT, backchannelLogoutUri: receiver.url }] });
  try {
    const { tokens, browser } = await logIn(telling);
    const params = { id_token_hint: tokens.id_token, post_logout_redirect_uri: CLIENT.postLogoutRedirectUris[0] ?? "" };
    const page = await browser.open(`${telling.issuer}/session/end?${new URLSearchParams(params).toString()}`);
    expect(page.html).toContain("/assets/submit.js");
    const back = await browser.submit(page, { logout: "yes" });
    expect(back.url).toBe("http://localhost:3000/logged-out");

    const keys = createRemoteJWKSet(new URL(`${telling.issuer}/jwks`));
    const expected = { issuer: telling.issuer, audience: CLIENT.clientId, typ: "logout+jwt" };
    const { payload } = await jwtVerify(receiver.tokens[0] ?? "", keys, expected);
    expect(payload["sid"]).toBe(decodeJwt(tokens.id_token)["sid"]);
    expect(payload["events"]).toEqual({ "http://schemas.openid.net/event/backchannel-logout": {} });
    expect(await refresh(telling, tokens.refresh_token)).toMatchObject({ error: "invalid_grant" });
    expect(callbackOf(await browser.open(attempt(telling, { prompt: "none" }).url)).get("error")).toBe(
      "login_required",
    );

    const forged = await telling.logoutToken({ sid: "s", aud: CLIENT.clientId, exp: undefined }, { typ: "JWT" });
    await expect(jwtVerify(forged, keys, expected)).rejects.toThrow();
  } finally {
    receiver.close();
    await telling.stop();
  }
});

test("a second login in the same browser leaves the first one's tokens alone, and one logout ends both", async () => {
  const { tokens: first, browser } = await logIn(provider);
  const second = attempt(provider);
  const code = callbackOf(await browser.open(second.url)).get("code") ?? "";
  const { refresh_token } = await redeem(provider, code, second);
  const renewed = [await refresh(provider, first.refresh_token), await refresh(provider, refresh_token)];
  expect(renewed.map(({ status }) => status)).toEqual([200, 200]);
  const page = await browser.open(`${provider.issuer}/session/end?id_token_hint=${first.id_token}`);
  await browser.submit(page, { logout: "yes" });
  for (const each of renewed) expect((await refresh(provider, each.refresh_token)).status).toBe(400);
});

test("a refresh token does not outlive the provider's session", async () => {
  const brief = await startTestProvider({ lifetimes: { sessionSeconds: 100 } });
  try {
    const { tokens } = await logIn(brief);
    expect(tokens["refresh_expires_in"]).toBeGreaterThan(90);
    expect(tokens["refresh_expires_in"]).toBeLessThanOrEqual(100);
  } finally {
    await brief.stop();
  }
});

test("a logout that proves no session asks first", async () => {
  const { browser } = await logIn(provider);
  const page = await browser.open(`${provider.issuer}/session/end?client_id=${CLIENT.clientId}`);
  expect(page.html).not.toContain("submit.js");
  expect(page.html).toContain("Stay logged in");
});

test("ending a user's sessions tells the client once for each", async () => {
  const receiver = await startReceiver();
  const telling = await startTestProvider({ clients: [{ ...CLIENT, backchannelLogoutUri: receiver.url }] });
  try {
    const sids = [];
    for (let index = 0; index < 2; index += 1) sids.push(decodeJwt((await logIn(telling)).tokens.id_token)["sid"]);
    expect(await telling.endSession(telling.user("alice")?.sub ?? "")).toBe(2);
    expect(new Set(receiver.tokens.map((token) => decodeJwt(token)["sid"]))).toEqual(new Set(sids));
    expect(receiver.tokens).toHaveLength(2);
    expect(telling.issuedTokens().logoutTokens).toEqual(receiver.tokens);
  } finally {
    receiver.close();
    await telling.stop();
  }
});

test("remembers five thousand sessions and forgets what has expired", async () => {
  const storage = providerStorage(() => undefined);
  const sessions = storage.adapter("Session");
  for (let index = 0; index < 5_000; index += 1)
    await sessions.upsert(`id-${index}`, { uid: `uid-${index}`, accountId: "alice" }, 60);
  await sessions.upsert("past", { uid: "past", accountId: "alice" }, -1);
  expect(await sessions.findByUid("uid-0")).toMatchObject({ accountId: "alice" });
  expect(await sessions.find("past")).toBeUndefined();
  expect(storage.sessionsOf("alice")).toHaveLength(5_000);
});

test("a token that two requests have read unspent is spent by the first of them only", async () => {
  let reuses = 0;
  const tokens = providerStorage(() => (reuses += 1)).adapter("RefreshToken");
  await tokens.upsert("one", { grantId: "family" }, 60);
  await tokens.upsert("two", { grantId: "family" }, 60);
  await tokens.consume("one");
  await expect(tokens.consume("one")).rejects.toThrow("invalid_grant");
  expect(reuses).toBe(1);
  expect(await tokens.find("two")).toBeUndefined();
});

test("answers, delays or cuts as told, and counts what it was asked", async () => {
  const { tokens } = await logIn(provider);
  const discovery = `${provider.issuer}/.well-known/openid-configuration`;
  provider.faults.set({ endpoint: "discovery", status: 503, body: "busy", times: 1 });
  expect((await fetch(discovery)).status).toBe(503);
  expect((await fetch(discovery)).status).toBe(200);
  expect(provider.count("discovery")).toBe(2);

  provider.faults.set({ endpoint: "token", resetBeforeProcessing: true, times: 1 });
  await expect(refresh(provider, tokens.refresh_token)).rejects.toThrow("fetch failed");
  expect(provider.count("token:refresh_token")).toBe(0);
  provider.faults.set({ endpoint: "token", resetAfterProcessing: true, times: 1 });
  await expect(refresh(provider, tokens.refresh_token)).rejects.toThrow("fetch failed");
  expect(provider.count("token:refresh_token")).toBe(1);
  // It was processed: the token is spent, although nobody heard the answer.
  expect(await refresh(provider, tokens.refresh_token)).toMatchObject({ error: "invalid_grant" });

  provider.faults.set({ endpoint: "all", delayMs: 100, times: 1 });
  const started = performance.now();
  await fetch(discovery);
  expect(performance.now() - started).toBeGreaterThan(95);
});

test("goes down and comes back on its port with everything it knew", async () => {
  const { tokens } = await logIn(provider);
  await provider.down();
  await expect(refresh(provider, tokens.refresh_token)).rejects.toThrow("fetch failed");
  await provider.up();
  expect((await refresh(provider, tokens.refresh_token)).status).toBe(200);
});

test("rotates its keys: old tokens verify until the old key is dropped", async () => {
  const rotating = await startTestProvider();
  try {
    const { tokens, browser } = await logIn(rotating);
    const verifies = () =>
      jwtVerify(tokens.id_token, createRemoteJWKSet(new URL(`${rotating.issuer}/jwks`))).then(
        () => true,
        () => false,
      );
    await rotating.rotateKeys();
    expect(await verifies()).toBe(true);
    expect((await refresh(rotating, tokens.refresh_token)).status).toBe(200);
    expect(callbackOf(await browser.open(attempt(rotating).url)).get("code")).not.toBeNull();
    await rotating.rotateKeys({ dropOld: true });
    expect(await verifies()).toBe(false);
  } finally {
    await rotating.stop();
  }
});

test("a user added later can log in, and tokens live as long as told", async () => {
  const user = await provider.addUser({ username: "late", password: "late-password", roles: ["guest"] });
  provider.lifetimes.accessTokenSeconds = 7;
  const { tokens } = await logIn(provider, { username: "late", password: "late-password" }, newBrowser());
  expect(tokens["expires_in"]).toBe(7);
  expect(decodeJwt(tokens.access_token)).toMatchObject({ sub: user.sub, roles: ["guest"] });
});
