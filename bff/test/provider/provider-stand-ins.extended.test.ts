// The settings of each page in docs/providers, with a stand-in of the provider (testkit/src/provider-stand-ins.ts).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseEnv } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import {
  PROVIDER_STAND_INS,
  startProviderStandIn,
  type ProviderStandIn,
} from "@cloakroom/testkit/provider-stand-ins.ts";
import { startGateway } from "@cloakroom/testkit/test-gateway.ts";

type Settings = Record<string, string>;

/** The first block of commands below the heading "Settings" of a page. */
function settingsOf(page: string): Settings {
  const text = readFileSync(join(ROOT, "docs/providers", page), "utf8");
  const block = /^## Settings\n+```sh\n(.*?)```/ms.exec(text)?.[1];
  if (block === undefined) throw new Error(`${page} has no settings`);
  return parseEnv(block) as Settings;
}

async function start(standIn: ProviderStandIn, accessTokenSeconds = 300) {
  const { provider, received } = await startProviderStandIn(standIn, accessTokenSeconds);
  onTestFinished(provider.stop);
  const { OIDC_ISSUER: published = "", ...settings } = settingsOf(standIn.page);
  // The page names the published host; the path of the issuer must be the stand-in's.
  expect(new URL(published).pathname).toBe(new URL(provider.issuer).pathname);
  expect(published.endsWith("/")).toBe(provider.issuer.endsWith("/"));
  const gateway = await startGateway({
    issuer: provider.issuer,
    clientId: provider.clientId,
    clientSecret: settings["OIDC_CLIENT_SECRET"] ?? "",
    env: { ...settings, OIDC_CLIENT_ID: provider.clientId, UPSTREAMS: `/api=${new URL(provider.issuer).origin}/up` },
  });
  onTestFinished(gateway.stop);
  return { provider, received, gateway, browser: testBrowser(gateway.origin), settings };
}

describe.each(PROVIDER_STAND_INS.map((standIn) => [standIn.name, standIn] as const))("%s", (_, standIn) => {
  const { expected } = standIn;

  it("a provider's stand-in is ready with the settings of its page", async () => {
    const { gateway } = await start(standIn);
    expect(await gateway.readiness("provider")).toEqual({ status: "ok" });
  });

  it("a provider's stand-in logs a user in, with name, email and roles", async () => {
    const { gateway, browser, provider } = await start(standIn);
    const response = await browser.login();
    expect(response.status, gateway.log.join("")).toBe(303);
    const { user } = (await (await browser.fetch("/bff/user")).json()) as { user: Record<string, unknown> };
    expect(user).toMatchObject({ ...expected.user, roles: expected.roles });
    const { authorization, body } = provider.lastTokenRequest();
    expect(authorization === undefined ? "post" : authorization.split(" ")[0]!.toLowerCase()).toBe(
      expected.authentication,
    );
    expect(body.has("client_secret")).toBe(expected.authentication === "post");
    if (standIn.paths.pushed !== undefined) expect(provider.counts.par).toBeGreaterThan(0);
  });

  it("a provider's stand-in receives the configured scope and further login parameters", async () => {
    const { browser, provider, settings } = await start(standIn);
    await browser.login();
    const request = provider.requests.last();
    expect(request.get("scope")).toBe(settings["OIDC_SCOPE"]);
    for (const [name, value] of Object.entries(expected.login ?? {})) expect(request.get(name)).toBe(value);
  });

  it("a provider's stand-in receives one refresh per expiry, and the API gets the new token", async () => {
    const { browser, provider, received, gateway } = await start(standIn, 1);
    await browser.login();
    expect((await browser.fetch("/api/x")).status).toBe(200);
    await sleep(1_000);
    expect((await browser.fetch("/api/x")).status, gateway.log.join("")).toBe(200);
    expect(provider.lastTokenRequest().body.get("grant_type")).toBe("refresh_token");
    const bearers = received.filter(({ path }) => path === "/up/x").map(({ authorization }) => authorization);
    expect(new Set(bearers).size).toBe(2);
    expect((await browser.fetch("/bff/user")).status).toBe(200);
  });

  it("a provider's stand-in ends its session at a logout, as the page says", async () => {
    const { browser, gateway } = await start(standIn);
    await browser.login();
    const headers = { accept: "application/json" };
    const response = await browser.fetch("/bff/logout", { method: "POST", headers });
    expect(response.status).toBe(200);
    const { location } = (await response.json()) as { location: string };
    expect(((await (await browser.fetch("/bff/user")).json()) as { user: unknown }).user).toBeNull();
    // Also where the provider has no revocation endpoint.
    expect(gateway.log.join("")).not.toContain("refresh token revocation failed");
    const next = await browser.navigate(new URL(location, gateway.origin).pathname);
    if (expected.logout === undefined) return expect(next.headers.get("location") ?? "/").not.toMatch(/id_token_hint/);
    const url = new URL(next.headers.get("location") ?? "");
    expect(url.pathname).toBe(standIn.paths.endSession);
    for (const [name, value] of Object.entries(expected.logout))
      expect(url.searchParams.get(name), name).toMatch(value);
  });
});

it("every provider page names its stand-in, and every stand-in has a page", () => {
  for (const { page, name } of PROVIDER_STAND_INS) {
    const text = readFileSync(join(ROOT, "docs/providers", page), "utf8");
    expect(text).toContain(`# ${name}\n`);
    expect(text).toContain("provider-stand-ins.ts");
  }
});
