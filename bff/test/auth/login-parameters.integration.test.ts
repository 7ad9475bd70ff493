// Parameters that reach the provider: those of OIDC_LOGIN_PARAMETERS and those of a link to /bff/login.
import { afterEach, describe, expect, it } from "vitest";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";

let provider: HostileProvider | undefined;
let gateway: TestGateway | undefined;
afterEach(async () => {
  await gateway?.stop();
  await provider?.stop();
  gateway = provider = undefined;
});

async function start(metadata: Record<string, unknown> = {}, loginParameters = "") {
  provider = await startHostileProvider();
  provider.overrides = { metadata: (original) => ({ ...original, ...metadata }) };
  gateway = await startGateway({ ...provider, env: { OIDC_LOGIN_PARAMETERS: loginParameters } });
  return { provider, gateway, browser: testBrowser(gateway.origin) };
}

const requested = (response: Response) => new URL(response.headers.get("location")!).searchParams;

describe("OIDC_LOGIN_PARAMETERS", () => {
  it("OIDC_LOGIN_PARAMETERS are in every authorization request, and a link takes precedence", async () => {
    const { browser } = await start({}, "audience=https://api&access_type=offline&prompt=consent&ui_locales=de");
    const plain = requested(await browser.navigate("/bff/login"));
    expect(Object.fromEntries(plain)).toMatchObject({
      audience: "https://api",
      access_type: "offline",
      prompt: "consent",
      ui_locales: "de",
      response_type: "code",
    });
    const linked = requested(await browser.navigate("/bff/login?prompt=none&ui_locales=fr&audience=https://evil"));
    expect(["prompt", "ui_locales", "audience"].map((name) => linked.getAll(name))).toEqual([
      ["none"],
      ["fr"],
      ["https://api"],
    ]);
  });

  it("OIDC_LOGIN_PARAMETERS are pushed with the request where the provider supports it", async () => {
    provider = await startHostileProvider();
    const endpoint = `${provider.issuer}/pushed`;
    provider.overrides = { metadata: (original) => ({ ...original, pushed_authorization_request_endpoint: endpoint }) };
    gateway = await startGateway({ ...provider, env: { OIDC_LOGIN_PARAMETERS: "audience=https://api&ui_locales=de" } });
    const location = (await testBrowser(gateway.origin).navigate("/bff/login?ui_locales=fr")).headers.get("location")!;
    expect([...new URL(location).searchParams.keys()].toSorted()).toEqual(["client_id", "request_uri"]);
    expect(Object.fromEntries(provider.requests.pushed.at(-1)!.parameters)).toMatchObject({
      audience: "https://api",
      ui_locales: "fr",
    });
  });

  it("acr_values are checked at the callback like those of a link", async () => {
    const { browser } = await start({}, "acr_values=2");
    expect((await browser.login()).status).toBe(403);
    expect((await browser.login("?acr_values=1")).status).toBe(303);
  });

  it("max_age is checked at the callback like that of a link", async () => {
    const { browser, provider } = await start({}, "max_age=60");
    provider.overrides = { claims: (original) => ({ ...original, auth_time: Math.floor(Date.now() / 1000) - 3_600 }) };
    expect((await browser.login()).status).toBe(400);
    expect((await browser.login("?max_age=7200")).status).toBe(303);
  });
});

describe("prompt=create", () => {
  it.each([
    ["does not list its prompt values", {}],
    ["lists create", { prompt_values_supported: ["none", "login", "create"] }],
    ["lists its prompt values in a wrong type", { prompt_values_supported: "login" }],
  ])("prompt=create is sent if the provider %s", async (_what, metadata) => {
    const { browser } = await start(metadata);
    expect(requested(await browser.navigate("/bff/login?prompt=create")).get("prompt")).toBe("create");
  });

  it("prompt=create is 400 with a page that says so if the provider lists its prompt values without it", async () => {
    const { browser } = await start({ prompt_values_supported: ["none", "login"] });
    const response = await browser.navigate("/bff/login?prompt=create&returnTo=/a");
    expect([response.status, response.headers.getSetCookie()]).toEqual([400, []]);
    const html = await response.text();
    expect(html).toContain("You cannot register with this link");
    expect(html).toContain('href="/bff/login?returnTo=%2Fa"');
    expect((await browser.navigate("/bff/login?prompt=login")).status).toBe(303);
  });
});
