// OIDC_PROFILE on the embedded provider, whose library applies FAPI 2.0 to the client: every request of a login, a refresh and
// a call of the API is accepted by an implementation that is not ours.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWK } from "jose";
import { expect, it } from "vitest";
import { startProvider } from "@cloakroom/testing/provider/start-provider.ts";
import type { ProviderOptions } from "@cloakroom/testing/provider/types.ts";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import { loginAtProvider, userOf } from "@cloakroom/testkit/system.ts";
import { startGateway } from "@cloakroom/testkit/test-gateway.ts";
import { KEYS, tempFile } from "./client-key-files.ts";

async function providerKey(alg: string) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg, kid: alg, use: "sig" };
}

it.each([
  ["fapi2", "an EC key", KEYS.ec],
  ["fapi2", "an RSA key", KEYS.rsa],
  ["fapi2-message-signing", "an EC key", KEYS.ec],
  ["fapi2-message-signing", "an RSA key", KEYS.rsa],
  ["fapi2-message-signing", "an Ed25519 key", KEYS.ed25519],
])(
  "OIDC_PROFILE=%s with %s: login, API call, refresh and logout succeed",
  async (profile, _name, key) => {
    const keys = [await providerKey("PS256"), await providerKey("RS256")];
    const provider = await startProvider({
      port: 0,
      passwordCost: 1_024,
      requireDpopNonce: true,
      lifetimes: { accessTokenSeconds: 2 },
      keys: keys as NonNullable<ProviderOptions["keys"]>,
    });
    const received: (string | undefined)[] = [];
    const api = createServer((request, response) => {
      received.push(request.headers.authorization);
      response.end("{}");
    }).listen(0, "127.0.0.1");
    await once(api, "listening");
    const gateway = await startGateway({
      issuer: provider.issuer,
      clientId: "cloakroom",
      env: {
        OIDC_PROFILE: profile,
        OIDC_TIMEOUT_SECONDS: "30",
        OIDC_CLIENT_KEY_FILE: tempFile(key),
        UPSTREAMS: `/api=http://127.0.0.1:${(api.address() as AddressInfo).port}`,
      },
    });
    const { keys: publicKeys } = (await (await fetch(`${gateway.origin}/bff/jwks.json`)).json()) as { keys: JWK[] };
    await provider.addClient({
      clientId: "cloakroom",
      clientSecret: "is-not-used-with-private-key-jwt",
      redirectUris: [`${gateway.origin}/bff/callback`],
      postLogoutRedirectUris: [`${gateway.origin}/bff/logout/return`],
      fapi: { publicKeys: publicKeys as never, messageSigning: profile === "fapi2-message-signing" },
    });
    try {
      expect(await gateway.readiness("provider")).toEqual({ status: "ok" });
      const browser = testBrowser(gateway.origin, loginAtProvider("alice"));
      const response = await browser.login();
      expect(response.headers.get("location"), gateway.log.join("\n")).toBe(`${gateway.origin}/`);
      expect(await userOf(browser)).toEqual(expect.any(String));
      expect((await browser.fetch("/api/x")).status).toBe(200);
      expect(received.at(-1)).toMatch(/^DPoP /);
      await expect
        .poll(
          async () => ((await browser.fetch("/api/x")).status === 200 ? provider.count("token:refresh_token") : 0),
          {
            timeout: 15_000,
          },
        )
        .toBeGreaterThan(0);
      expect((await browser.fetch("/bff/logout", { method: "POST" })).status).toBe(200);
      expect(await userOf(browser)).toBeUndefined();
    } finally {
      await gateway.stop();
      await provider.stop();
      api.closeAllConnections();
      api.close();
    }
  },
  40_000,
);

it("the embedded provider rejects an unsigned request of a client with message signing", async () => {
  const provider = await startProvider({
    port: 0,
    passwordCost: 1_024,
    keys: [await providerKey("PS256"), await providerKey("RS256")] as NonNullable<ProviderOptions["keys"]>,
  });
  const gateway = await startGateway({
    issuer: provider.issuer,
    clientId: "cloakroom",
    env: { OIDC_PROFILE: "fapi2", OIDC_CLIENT_KEY_FILE: tempFile(KEYS.ec) },
  });
  const { keys: publicKeys } = (await (await fetch(`${gateway.origin}/bff/jwks.json`)).json()) as { keys: JWK[] };
  await provider.addClient({
    clientId: "cloakroom",
    clientSecret: "is-not-used-with-private-key-jwt",
    redirectUris: [`${gateway.origin}/bff/callback`],
    fapi: { publicKeys: publicKeys as never, messageSigning: true },
  });
  expect(await gateway.readiness("provider")).toMatchObject({ status: "failed" });
  await gateway.stop();
  await provider.stop();
});
