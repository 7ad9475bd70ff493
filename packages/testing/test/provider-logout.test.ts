// RP-initiated and back-channel logout of the embedded provider.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readForm } from "../src/provider/form.ts";
import type { ProviderHandle } from "../src/provider/types.ts";
import {
  callbackParams,
  CLIENT,
  createLoginAttempt,
  logIn,
  redeemCode,
  refreshTokens,
  startTestProvider,
} from "../src/provider-client.ts";

let provider: ProviderHandle;

beforeAll(async () => {
  provider = await startTestProvider();
});
afterAll(() => provider.stop());

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

test("a logout sends the client a signed logout token with the sid of the session", async () => {
  const receiver = await startReceiver();
  const notifying = await startTestProvider({ clients: [{ ...CLIENT, backchannelLogoutUri: receiver.url }] });
  try {
    const { tokens, browser } = await logIn(notifying);
    const params = { id_token_hint: tokens.id_token, post_logout_redirect_uri: CLIENT.postLogoutRedirectUris[0] ?? "" };
    const page = await browser.open(`${notifying.issuer}/session/end?${new URLSearchParams(params).toString()}`);
    expect(page.html).toContain("/assets/submit.js");
    const back = await browser.submit(page, { logout: "yes" });
    expect(back.url).toBe("http://localhost:3000/logged-out");

    const keys = createRemoteJWKSet(new URL(`${notifying.issuer}/jwks`));
    const expected = { issuer: notifying.issuer, audience: CLIENT.clientId, typ: "logout+jwt" };
    const { payload } = await jwtVerify(receiver.tokens[0] ?? "", keys, expected);
    expect(payload["sid"]).toBe(decodeJwt(tokens.id_token)["sid"]);
    expect(payload["events"]).toEqual({ "http://schemas.openid.net/event/backchannel-logout": {} });
    expect(await refreshTokens(notifying, tokens.refresh_token)).toMatchObject({ error: "invalid_grant" });
    expect(callbackParams(await browser.open(createLoginAttempt(notifying, { prompt: "none" }).url)).get("error")).toBe(
      "login_required",
    );

    const forged = await notifying.logoutToken({ sid: "s", aud: CLIENT.clientId, exp: undefined }, { typ: "JWT" });
    await expect(jwtVerify(forged, keys, expected)).rejects.toThrow();
  } finally {
    receiver.close();
    await notifying.stop();
  }
});

test("a second login in the same browser keeps the tokens of the first, and a logout revokes both", async () => {
  const { tokens: first, browser } = await logIn(provider);
  const second = createLoginAttempt(provider);
  const code = callbackParams(await browser.open(second.url)).get("code") ?? "";
  const { refresh_token } = await redeemCode(provider, code, second);
  const renewed = [await refreshTokens(provider, first.refresh_token), await refreshTokens(provider, refresh_token)];
  expect(renewed.map(({ status }) => status)).toEqual([200, 200]);
  const page = await browser.open(`${provider.issuer}/session/end?id_token_hint=${first.id_token}`);
  await browser.submit(page, { logout: "yes" });
  for (const each of renewed) expect((await refreshTokens(provider, each.refresh_token)).status).toBe(400);
});

test("a logout without id_token_hint requires a confirmation", async () => {
  const { browser } = await logIn(provider);
  const page = await browser.open(`${provider.issuer}/session/end?client_id=${CLIENT.clientId}`);
  expect(page.html).not.toContain("submit.js");
  expect(page.html).toContain("Stay logged in");
});

test("endSession sends one logout token per session of the user", async () => {
  const receiver = await startReceiver();
  const notifying = await startTestProvider({ clients: [{ ...CLIENT, backchannelLogoutUri: receiver.url }] });
  try {
    const sids = [];
    for (let index = 0; index < 2; index += 1) sids.push(decodeJwt((await logIn(notifying)).tokens.id_token)["sid"]);
    expect(await notifying.endSession(notifying.user("alice")?.sub ?? "")).toBe(2);
    expect(new Set(receiver.tokens.map((token) => decodeJwt(token)["sid"]))).toEqual(new Set(sids));
    expect(receiver.tokens).toHaveLength(2);
    expect(notifying.issuedTokens().logoutTokens).toEqual(receiver.tokens);
  } finally {
    receiver.close();
    await notifying.stop();
  }
});
