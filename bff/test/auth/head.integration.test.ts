// HEAD requests to login, callback and provider logout: link checkers and previews start no login and use up no state.
import { request } from "undici";
import { afterAll, beforeAll, expect, it } from "vitest";
import { LOGOUT_COOKIE, LOGOUT_RETURN_COOKIE } from "../../src/session/cookies.ts";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";

let provider: HostileProvider;
let gateway: TestGateway;
beforeAll(async () => {
  provider = await startHostileProvider();
  gateway = await startGateway(provider);
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop();
});

it.each(["/bff/login", "/bff/login?returnTo=/a", "/bff/login?returnTo=//evil.test&returnTo=x", "/bff/callback"])(
  "HEAD %s sets no cookie and no Location",
  async (path) => {
    const { statusCode, headers } = await request(gateway.origin + path, { method: "HEAD" });
    expect(statusCode).toBe(200);
    expect(headers["set-cookie"]).toBeUndefined();
    expect(headers["location"]).toBeUndefined();
    expect(headers["cache-control"]).toBe("no-store");
    expect(gateway.events("login_started")).toHaveLength(0);
    expect(gateway.events("login_failed")).toHaveLength(0);
  },
);

it.each([
  ["/bff/logout/provider", LOGOUT_COOKIE],
  ["/bff/logout/return?state=x", LOGOUT_RETURN_COOKIE],
])("HEAD of %s keeps the cookie for the GET that follows", async (path, name) => {
  const url = gateway.origin + path;
  const { statusCode, headers } = await request(url, { method: "HEAD", headers: { cookie: `${name}=x` } });
  expect([statusCode, headers["set-cookie"], headers["location"]]).toEqual([200, undefined, undefined]);
});

it("HEAD of a callback keeps state and code for the GET that follows", async () => {
  const browser = testBrowser(gateway.origin);
  const callback = await browser.loginAtProvider();
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  const before = provider.counts.token;
  const head = await request(callback, { method: "HEAD", headers: { cookie } });
  expect([head.statusCode, head.headers["set-cookie"], provider.counts.token]).toEqual([200, undefined, before]);
  expect((await browser.navigate(callback)).status).toBe(303);
  expect(browser.cookies.has("__Host-Http-session")).toBe(true);
});
