// OIDC_INTERNAL_URL: browsers know the provider by a name that the gateway cannot reach (Docker, Kubernetes).
import { expect, it } from "vitest";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import { startGateway } from "@cloakroom/testkit/test-gateway.ts";
import { startHostileProvider } from "@cloakroom/testkit/hostile-provider.ts";

it("logs in at a provider that the gateway reaches by another address than browsers do", async () => {
  const provider = await startHostileProvider();
  const publicIssuer = "http://localhost:9";
  const rename = <T>(value: T): T => JSON.parse(JSON.stringify(value).replaceAll(provider.issuer, publicIssuer)) as T;
  provider.lies = { metadata: rename, claims: rename, answer: rename };
  const gateway = await startGateway({
    ...provider,
    issuer: publicIssuer,
    env: { OIDC_INTERNAL_URL: provider.issuer },
  });
  const browser = testBrowser(gateway.origin, async (url) => {
    expect(new URL(url).origin).toBe(publicIssuer);
    const answer = await fetch(url.replace(publicIssuer, provider.issuer), { redirect: "manual" });
    return answer.headers.get("location") ?? "";
  });
  expect((await browser.login()).status).toBe(303);
  expect(await (await browser.fetch("/bff/user")).json()).toMatchObject({ user: { sub: "alice" } });
  await gateway.stop();
  await provider.stop();
});
