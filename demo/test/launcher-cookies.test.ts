// Login cookies of npm start: a copy without Secure for WebKit, which stores no Secure cookie on http://localhost.
import { once } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { launch } from "../src/launcher/launch.ts";

test("npm start sets a copy of the login cookie without Secure, also with INSECURE_COOKIES=never in the environment", async () => {
  const spaRoot = mkdtempSync(join(tmpdir(), "cloakroom-"));
  writeFileSync(join(spaRoot, "index.html"), "<!doctype html>");
  const port = await freePort();
  const printed: string[] = [];
  const launched = await launch({
    env: {
      PORT: String(port),
      MANAGEMENT_PORT: String(await freePort()),
      PROVIDER_PORT: String(await freePort()),
      API_PORT: String(await freePort()),
      SPA_ROOT: spaRoot,
      INSECURE_COOKIES: "never",
    },
    isDev: false,
    print: (line) => printed.push(line),
    onGatewayExit: () => {},
  });
  if (launched.kind === "failed") throw new Error(launched.message);
  onTestFinished(launched.stop);
  // Node's fetch would send `Sec-Fetch-Mode: cors`.
  const [login] = (await once(get(`http://localhost:${port}/bff/login`), "response")) as [IncomingMessage];
  login.resume();
  const [original = "", copy = ""] = login.headers["set-cookie"] ?? [];
  expect(original).toMatch(/^__Host-Http-login-\w+=.*; secure/);
  expect(copy).toMatch(new RegExp(`^cloakroom-${port}-login-`));
  expect(copy).not.toMatch(/secure/i);
  expect(printed.join("\n")).toContain("Safari");
});
