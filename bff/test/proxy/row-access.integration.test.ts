// Access, CSRF rule and prefix of upstream rows, through real sockets.
import { request } from "undici";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startTestSystem, type TestSystem } from "@cloakroom/testkit/system.ts";

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem({
    upstreams: (baseUrl) => [
      { prefix: "/", baseUrl: `${baseUrl}/pages`, access: "optional", csrf: "same-origin" },
      { prefix: "/api", baseUrl },
      { prefix: "/graphql", baseUrl: `${baseUrl}/graphql` },
      { prefix: "/hooks", baseUrl, access: "public" },
      { prefix: "/media", baseUrl, csrf: "fetch-metadata" },
      { prefix: "/who", baseUrl, access: "session", token: "none" },
      { prefix: "/files", baseUrl, encodedSlashes: true },
      { prefix: "/files/private", baseUrl, requiredRoles: ["auditor"] },
    ],
  });
});
afterAll(() => system.stop());
beforeEach(() => void (system.received.length = 0));

const NAVIGATION = { "sec-fetch-mode": "navigate", "sec-fetch-dest": "document", accept: "text/html" };
const CROSS_SITE = { "sec-fetch-site": "cross-site", "x-csrf": undefined };
const IMAGE = { "sec-fetch-site": "same-origin", "sec-fetch-dest": "image", "x-csrf": undefined };

type Sent = { method?: "GET" | "POST"; headers?: Record<string, string | undefined> };

/** Sends exactly these headers. */
async function send(path: string, { method = "GET", headers = {} }: Sent, isUser: boolean) {
  const browser = system.browser();
  if (isUser) await browser.login();
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  const sent = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const response = await request(system.gateway.origin + path, {
    method,
    headers: { ...Object.fromEntries(sent), ...(cookie === "" ? {} : { cookie }) },
  });
  await response.body.dump();
  return { status: response.statusCode, bearer: system.received.at(-1)?.authorization !== undefined };
}

describe("access by row", () => {
  it.each([
    // Webhooks: no session, no CSRF check, no token, whatever cookies come with the request.
    ["a webhook", "/hooks/stripe", { method: "POST" }, false, 200, false],
    [
      "a webhook of another origin",
      "/hooks/x",
      { method: "POST", headers: { origin: "https://x.test" } },
      false,
      200,
      false,
    ],
    ["a public row with a session", "/hooks/x", { method: "POST", headers: CROSS_SITE }, true, 200, false],
    // Pages.
    ["a typed address", "/orders", { headers: { ...NAVIGATION, "sec-fetch-site": "none" } }, false, 200, false],
    [
      "a navigation with a session",
      "/orders",
      { headers: { ...NAVIGATION, "sec-fetch-site": "same-origin" } },
      true,
      200,
      true,
    ],
    [
      "a form post of the page",
      "/orders",
      { method: "POST", headers: { ...NAVIGATION, "sec-fetch-site": "same-origin" } },
      true,
      200,
      true,
    ],
    [
      "a form post of another site",
      "/orders",
      { method: "POST", headers: { ...NAVIGATION, ...CROSS_SITE } },
      true,
      403,
      false,
    ],
    ["an image of another site", "/logo.png", { headers: { ...IMAGE, ...CROSS_SITE } }, true, 403, false],
    // An API in markup.
    ["an image of an API", "/media/1.png", { headers: IMAGE }, true, 200, true],
    ["an image of an API without a session", "/media/1.png", { headers: IMAGE }, false, 401, false],
    ["an image of an API by another site", "/media/1.png", { headers: { ...IMAGE, ...CROSS_SITE } }, true, 403, false],
    ["an image of a row with csrf header", "/api/1.png", { headers: IMAGE }, true, 403, false],
    // A session without a token.
    [
      "a row without token and without a session",
      "/who/x",
      { headers: { ...IMAGE, "x-csrf": "1" } },
      false,
      401,
      false,
    ],
    ["a row without token and with a session", "/who/x", { headers: { ...IMAGE, "x-csrf": "1" } }, true, 200, false],
    ["a prefix outside /api", "/graphql", { method: "POST", headers: { ...IMAGE, "x-csrf": "1" } }, true, 200, true],
    ["a prefix outside /api without X-CSRF", "/graphql", { method: "POST", headers: IMAGE }, true, 403, false],
  ] as [string, string, Sent, boolean, number, boolean][])(
    "%s (%s) gets the right response and token",
    async (...[, path, init, isUser, status, bearer]) => {
      expect(await send(path, init, isUser)).toEqual({ status, bearer });
      expect(system.received).toHaveLength(status === 200 ? 1 : 0);
      expect(system.received[0]?.headers.cookie).toBeUndefined();
    },
  );

  it("the routes of /bff are not forwarded by a row for /", async () => {
    for (const path of ["/bff/user", "/bff/unknown", "/bff"]) await send(path, { headers: NAVIGATION }, false);
    expect(system.received).toEqual([]);
  });

  it("a row for / replaces nothing in the path", async () => {
    await send("/orders/7?page=2", { headers: { ...NAVIGATION, "sec-fetch-site": "none" } }, false);
    expect(system.received[0]).toMatchObject({ url: "/pages/orders/7?page=2" });
    expect(system.received[0]?.headers["x-forwarded-prefix"]).toBeUndefined();
  });
});

describe("escaped slashes", () => {
  const headers = { ...IMAGE, "x-csrf": "1" };
  it.each([
    ["/files/a%2Fb", 200],
    ["/files/a%2f..%2fprivate", 400],
    // The upstream could read it as /files/private, which has stricter rules.
    ["/files/private%2Fx", 400],
    ["/api/a%2Fb", 400],
    ["/graphql/a%2Fb", 400],
  ])("the path %s gets %i", async (path, status) => {
    expect((await send(path, { headers }, true)).status).toBe(status);
    expect(system.received).toHaveLength(status === 200 ? 1 : 0);
    if (status === 200) expect(system.received[0]?.url).toBe("/a%2Fb");
  });
});
