// OIDC_INTERNAL_URL: the gateway reaches the provider at another URL than browsers (Docker, Kubernetes).
import { expect, it } from "vitest";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import { startGateway } from "@cloakroom/testkit/test-gateway.ts";
import { startHostileProvider } from "@cloakroom/testkit/hostile-provider.ts";

it("a login succeeds with a provider that the gateway reaches at another URL than browsers", async () => {
  const provider = await startHostileProvider();
  const publicIssuer = "http://localhost:9";
  const rename = <T>(value: T): T => JSON.parse(JSON.stringify(value).replaceAll(provider.issuer, publicIssuer)) as T;
  provider.overrides = { metadata: rename, claims: rename, authorizationResponse: rename };
  const gateway = await startGateway({
    ...provider,
    issuer: publicIssuer,
    env: { OIDC_INTERNAL_URL: provider.issuer },
  });
  const browser = testBrowser(gateway.origin, async (url) => {
    expect(new URL(url).origin).toBe(publicIssuer);
    const response = await fetch(url.replace(publicIssuer, provider.issuer), { redirect: "manual" });
    return response.headers.get("location") ?? "";
  });
  expect((await browser.login()).status).toBe(303);
  expect(await (await browser.fetch("/bff/user")).json()).toMatchObject({ user: { sub: "alice" } });
  await gateway.stop();
  await provider.stop();
});
