// The launchers let WebKit log in on http://localhost: their gateway sets a second login cookie without Secure.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../src/free-port.ts";
import { launch } from "../src/launcher/launch.ts";

test("npm start serves browsers that store no Secure cookie over http, whatever the environment says", async () => {
  const spaRoot = mkdtempSync(join(tmpdir(), "cloakroom-"));
  writeFileSync(join(spaRoot, "index.html"), "<!doctype html>");
  const port = await freePort();
  const said: string[] = [];
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
    say: (line) => said.push(line),
    onEnd: () => {},
  });
  if (launched.kind === "failed") throw new Error(launched.message);
  onTestFinished(launched.stop);
  const login = await fetch(`http://localhost:${port}/bff/login`, {
    redirect: "manual",
    headers: { "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" },
  });
  const [real = "", copy = ""] = login.headers.getSetCookie();
  expect(real).toMatch(/^__Host-Http-login-\w+=.*; secure/);
  expect(copy).toMatch(new RegExp(`^cloakroom-${port}-login-`));
  expect(copy).not.toMatch(/secure/i);
  expect(said.join("\n")).toContain("Safari");
});
