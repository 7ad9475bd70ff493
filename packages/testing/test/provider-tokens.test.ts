// Token endpoint, userinfo, revocation, key rotation and lifetimes of the embedded provider.
import { createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { ProviderHandle } from "../src/provider/types.ts";
import {
  basicAuthorization,
  callbackParams,
  CLIENT,
  createLoginAttempt,
  logIn,
  newBrowser,
  refreshTokens,
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

test("every refresh returns a new refresh token and an ID token of the same user", async () => {
  const { tokens } = await logIn(provider);
  const renewed = await refreshTokens(provider, tokens.refresh_token);
  expect(renewed.refresh_token).not.toBe(tokens.refresh_token);
  expect(decodeJwt(renewed.id_token).sub).toBe(decodeJwt(tokens.id_token).sub);
  expect(decodeJwt(renewed.access_token)).toMatchObject({ acr: "1", roles: ["user"] });
  expect((await refreshTokens(provider, renewed.refresh_token)).status).toBe(200);
});

test("reuse of a refresh token revokes its token family and no other", async () => {
  const { tokens, browser } = await logIn(provider);
  const sameSession = createLoginAttempt(provider);
  const code = callbackParams(await browser.open(sameSession.url)).get("code") ?? "";
  const other = await tokenRequest(provider, {
    grant_type: "authorization_code",
    code,
    code_verifier: sameSession.verifier,
    redirect_uri: CLIENT.redirectUris[0] ?? "",
  });
  const renewed = await refreshTokens(provider, tokens.refresh_token);
  expect(await refreshTokens(provider, tokens.refresh_token)).toMatchObject({ status: 400, error: "invalid_grant" });
  expect(provider.count("refresh-token-reuse")).toBe(1);
  expect(await refreshTokens(provider, renewed.refresh_token)).toMatchObject({ status: 400, error: "invalid_grant" });
  expect((await refreshTokens(provider, other.refresh_token)).status).toBe(200);
});

test("of two concurrent refreshes with the same token one succeeds, and the token family is revoked", async () => {
  const { tokens } = await logIn(provider);
  const both = await Promise.all([
    refreshTokens(provider, tokens.refresh_token),
    refreshTokens(provider, tokens.refresh_token),
  ]);
  expect(new Set(both.map(({ status }) => status))).toEqual(new Set([200, 400]));
  expect(provider.count("refresh-token-reuse")).toBe(1);
  const survivor = both.find(({ status }) => status === 200)?.refresh_token ?? "";
  expect((await refreshTokens(provider, survivor)).status).toBe(400);
});

test("client_secret_basic and client_secret_post are accepted", async () => {
  const form = { client_id: CLIENT.clientId, client_secret: CLIENT.clientSecret };
  const { tokens } = await logIn(provider);
  const posted = { grant_type: "refresh_token", refresh_token: tokens.refresh_token, ...form };
  expect((await tokenRequest(provider, posted, { authorization: "" })).status).toBe(200);
  const wrong = { ...posted, client_secret: "x".repeat(32) };
  expect(await tokenRequest(provider, wrong, { authorization: "" })).toMatchObject({ error: "invalid_client" });
});

test("client_credentials requires allowClientCredentials", async () => {
  const own = { ...CLIENT, clientId: "machine", allowClientCredentials: true };
  await provider.addClient(own);
  const form = { grant_type: "client_credentials", scope: "profile" };
  const authorization = `Basic ${Buffer.from(`machine:${own.clientSecret}`).toString("base64")}`;
  const response = await tokenRequest(provider, form, { authorization });
  expect(decodeJwt(response.access_token)).toMatchObject({ sub: "machine", aud: provider.resource });
  expect(await tokenRequest(provider, form)).toMatchObject({ error: "invalid_request" });
});

test("a revoked refresh token is rejected, and userinfo accepts the access token", async () => {
  const { tokens } = await logIn(provider);
  const userinfo = await fetch(`${provider.issuer}/me`, {
    headers: { authorization: `Bearer ${tokens.access_token}` },
  });
  expect(await userinfo.json()).toMatchObject({ preferred_username: "alice", email: "alice@example.com" });
  const revoked = await fetch(`${provider.issuer}/token/revocation`, {
    method: "POST",
    headers: { authorization: basicAuthorization() },
    body: new URLSearchParams({ token: tokens.refresh_token, token_type_hint: "refresh_token" }),
  });
  expect(revoked.status).toBe(200);
  expect(await refreshTokens(provider, tokens.refresh_token)).toMatchObject({ error: "invalid_grant" });
});

test("issuedTokens() contains every issued token", async () => {
  const { tokens } = await logIn(provider);
  const renewed = await refreshTokens(provider, tokens.refresh_token);
  const issued = provider.issuedTokens();
  for (const { access_token, refresh_token, id_token } of [tokens, renewed]) {
    expect(issued.accessTokens).toContain(access_token);
    expect(issued.refreshTokens).toContain(refresh_token);
    expect(issued.idTokens).toContain(id_token);
  }
  expect(issued.clientSecrets).toContain(CLIENT.clientSecret);
  expect(issued.codes.length).toBeGreaterThan(0);
});

test("the lifetime of a refresh token is limited by the provider's session", async () => {
  const shortLived = await startTestProvider({ lifetimes: { sessionSeconds: 100 } });
  try {
    const { tokens } = await logIn(shortLived);
    expect(tokens["refresh_expires_in"]).toBeGreaterThan(90);
    expect(tokens["refresh_expires_in"]).toBeLessThanOrEqual(100);
  } finally {
    await shortLived.stop();
  }
});

test("old tokens verify after a key rotation until dropOld removes the key", async () => {
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
    expect((await refreshTokens(rotating, tokens.refresh_token)).status).toBe(200);
    expect(callbackParams(await browser.open(createLoginAttempt(rotating).url)).get("code")).not.toBeNull();
    await rotating.rotateKeys({ dropOld: true });
    expect(await verifies()).toBe(false);
  } finally {
    await rotating.stop();
  }
});

test("addUser adds a user who can log in, and lifetimes apply to new tokens", async () => {
  const user = await provider.addUser({ username: "late", password: "late-password", roles: ["guest"] });
  provider.lifetimes.accessTokenSeconds = 7;
  const { tokens } = await logIn(provider, { username: "late", password: "late-password" }, newBrowser());
  expect(tokens["expires_in"]).toBe(7);
  expect(decodeJwt(tokens.access_token)).toMatchObject({ sub: user.sub, roles: ["guest"] });
});
