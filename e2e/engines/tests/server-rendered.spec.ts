// Server-rendered pages: which navigations carry the SameSite=Strict session cookie depends on the engine. The provider and
// the linking site are on another site (127.0.0.1) than the gateway (localhost).
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { startSystem, type System } from "@cloakroom/demo/system.ts";
import { ALICE, click, enterPassword, expectText, expectUrl } from "../support/app.ts";
import type { Tab } from "../support/browser.ts";
import { expect, test } from "../support/test.ts";

const GO = { role: "link", name: "Go" } as const;
const LOG_OUT = { role: "button", name: "Log out" } as const;

/** WebKitWebDriver loses a tab that goes back to a page in another process. */
const WITHOUT_OPENER_POLICY = { CROSS_ORIGIN_OPENER_POLICY: "unsafe-none" };

let app: Server;
let foreign: Server;
let system: System;
let folder: string;
/** Path and whether the request had a bearer, of each request that reached the app. */
let requests: string[] = [];

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

test.beforeAll(async () => {
  app = createServer((request, response) => {
    const user = request.headers.authorization === undefined ? "no user" : "a user";
    if (!request.url?.includes("favicon")) requests.push(`${request.url} ${user}`);
    response.setHeader("content-type", "text/html");
    response.end(
      `<!doctype html><title>App</title><h1>Hello ${user}</h1><p>${request.url}</p><form method="post" action="/bff/logout"><button>Log out</button></form>`,
    );
  }).listen(0, "127.0.0.1");
  foreign = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? "/", "http://foreign");
    response.setHeader("content-type", "text/html");
    response.end(`<!doctype html><title>Mail</title><a href="${system.origin}${searchParams.get("to") ?? "/"}">Go</a>`);
  }).listen(0, "127.0.0.1");
  await Promise.all([once(app, "listening"), once(foreign, "listening")]);
  folder = await mkdtemp(join(tmpdir(), "cloakroom-pages-"));
  const file = join(folder, "upstreams.json");
  const baseUrl = `http://127.0.0.1:${portOf(app)}`;
  await writeFile(
    file,
    JSON.stringify([
      { prefix: "/", baseUrl, access: "optional", csrf: "same-origin" },
      { prefix: "/account", baseUrl: `${baseUrl}/account`, csrf: "same-origin" },
    ]),
  );
  const provider = await freePort();
  system = await startSystem({
    ports: { provider },
    provider: { passwordCost: 2, issuer: `http://127.0.0.1:${provider}` },
    gatewayEnv: { UPSTREAMS: "", UPSTREAMS_FILE: file, INSECURE_COOKIES: "loopback", ...WITHOUT_OPENER_POLICY },
  });
});
test.afterAll(async () => {
  await system?.stop();
  for (const server of [app, foreign]) {
    server.closeAllConnections();
    server.close();
  }
  await rm(folder, { recursive: true, force: true });
});
test.beforeEach(() => void (requests = []));

/** Opens a link on a page of another site. */
async function followLink(tab: Tab, to: string): Promise<void> {
  await tab.goTo(`http://127.0.0.1:${portOf(foreign)}/?to=${encodeURIComponent(to)}`);
  requests = [];
  await click(tab, GO);
}

async function logIn(tab: Tab, returnTo = "/"): Promise<void> {
  await tab.goTo(`${system.origin}/bff/login?returnTo=${encodeURIComponent(returnTo)}`);
  await enterPassword(tab, ALICE);
}

test("the page after a login has its user, and a reload too", async ({ tab }) => {
  await logIn(tab, "/list?a=1#part");
  await expectText(tab, "Hello a user");
  await expectUrl(tab, `${system.origin}/list?a=1#part`);
  expect(requests).toEqual(["/list?a=1 a user"]);
  await tab.reload();
  await expectText(tab, "Hello a user");
});

for (const to of ["/list?a=1&b=2#part", "/list", "/account/x?y#z"])
  test(`a link of another site to ${to} opens the page with its user, and so does a reload`, async ({
    tab,
    newTab,
  }) => {
    await logIn(tab);
    await expectText(tab, "Hello a user");
    const second = await newTab();
    await followLink(second, to);
    await expectText(second, "Hello a user");
    await expectUrl(second, system.origin + to);
    expect(requests).toEqual([`${to.split("#")[0]} a user`]);
    await second.reload();
    await expectText(second, "Hello a user");
  });

test("the back button leads from a linked page to the other site", async ({ tab, newTab }) => {
  await logIn(tab);
  await expectText(tab, "Hello a user");
  const second = await newTab();
  await followLink(second, "/list?a=1#part");
  await expectText(second, "Hello a user");
  await second.goBack();
  await expectText(second, "Go");
  expect(await second.url()).toContain(`:${portOf(foreign)}/`);
});

test("a link of another site opens the page without a user once, and never in a loop", async ({ tab }) => {
  await followLink(tab, "/list?a=1#part");
  await expectText(tab, "Hello no user");
  await expectUrl(tab, `${system.origin}/list?a=1#part`);
  expect(requests).toEqual(["/list?a=1 no user"]);
});

test("a link of another site to a page that needs a session leads through the login to the page", async ({ tab }) => {
  await followLink(tab, "/account/x?y=1");
  await enterPassword(tab, ALICE);
  await expectText(tab, "Hello a user");
  await expectUrl(tab, `${system.origin}/account/x?y=1`);
  await click(tab, LOG_OUT);
  await expectText(tab, "Hello no user");
});
