// Logins that another site starts, and silent logins: both depend on how an engine treats SameSite cookies.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { SPA_DIST } from "@cloakroom/demo/launcher/spa-build.ts";
import { startSystem, type System } from "@cloakroom/demo/system.ts";
import { ALICE, click, enterPassword, eventually, expectText, expectUrl, LOG_IN } from "../support/app.ts";
import type { Tab } from "../support/browser.ts";
import { expect, test } from "../support/test.ts";

const IDLE_SECONDS = 10;
const STAY = { role: "link", name: "Stay logged in" } as const;

let system: System;
test.beforeAll(async () => {
  system = await startSystem({
    spaRoot: SPA_DIST,
    gatewayEnv: { INSECURE_COOKIES: "loopback", SILENT_LOGIN: "on", SESSION_IDLE_SECONDS: String(IDLE_SECONDS) },
  });
});
test.afterAll(() => system.stop());

/** Submits the form of a portal on another site. */
async function initiate(tab: Tab, method: string): Promise<void> {
  const portal = createServer((_request, response) => {
    response.setHeader("content-type", "text/html").end("<!doctype html><title>Portal</title><body>Portal</body>");
  }).listen(0, "127.0.0.1");
  await once(portal, "listening");
  await tab.goTo(`http://127.0.0.1:${(portal.address() as AddressInfo).port}/`);
  await tab.evaluate(
    (formMethod: string, action: string, issuer: string) => {
      const form = document.createElement("form");
      form.method = formMethod;
      form.action = action;
      for (const [name, value] of [
        ["iss", issuer],
        ["target_link_uri", "/profile"],
      ] as const) {
        const input = document.createElement("input");
        input.name = name;
        input.value = value;
        form.append(input);
      }
      document.body.append(form);
      form.submit();
    },
    method,
    `${system.origin}/bff/login`,
    system.provider.issuer,
  );
  portal.closeAllConnections();
  portal.close();
}

for (const method of ["get", "post"]) {
  test(`a third-party-initiated login by ${method} opens its target`, async ({ tab }) => {
    await initiate(tab, method);
    await enterPassword(tab, ALICE);
    await expectUrl(tab, `${system.origin}/profile`);
    await expectText(tab, ALICE.sub);
  });

  test(`a third-party-initiated login by ${method} asks before it replaces a session`, async ({ tab }) => {
    await tab.goTo(`${system.origin}/bff/login?returnTo=/logged-out`);
    await enterPassword(tab, ALICE);
    await expectUrl(tab, `${system.origin}/logged-out`);
    await initiate(tab, method);
    await expectText(tab, "You are already logged in");
    await expectText(tab, ALICE.name);
    await click(tab, STAY);
    await expectUrl(tab, `${system.origin}/profile`);
    await expectText(tab, ALICE.sub);
  });
}

test("a tab without a session logs in silently while the provider's session lives", async ({ tab, newTab }) => {
  await tab.goTo(`${system.origin}/bff/login?returnTo=/logged-out`);
  await enterPassword(tab, ALICE);
  await expectUrl(tab, `${system.origin}/logged-out`);
  await new Promise((resolve) => setTimeout(resolve, (IDLE_SECONDS + 2) * 1_000));
  const second = await newTab();
  await second.goTo(`${system.origin}/profile`);
  await expectText(second, ALICE.sub);
  await expectUrl(second, `${system.origin}/profile`);
});

test("a tab without a session at the provider stays on its page", async ({ tab }) => {
  await tab.goTo(`${system.origin}/profile`);
  await eventually(async () => {
    const attempted = await tab.evaluate(() => sessionStorage.getItem("cloakroom-silent-login"));
    expect(attempted).toBe("1");
  });
  await expectUrl(tab, `${system.origin}/profile`);
  await expectText(tab, "Log in to see this page.");
  await click(tab, LOG_IN);
  await enterPassword(tab, ALICE);
  await expectText(tab, ALICE.sub);
});
