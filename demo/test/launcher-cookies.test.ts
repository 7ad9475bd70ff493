// The launchers let WebKit log in on http://localhost: their gateway sets a second login cookie without Secure.
import { once } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "@cloakroom/testing/free-port.ts";
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
  // Not fetch: Node's sends a Sec-Fetch-Mode of its own.
  const [login] = (await once(get(`http://localhost:${port}/bff/login`), "response")) as [IncomingMessage];
  login.resume();
  const [real = "", copy = ""] = login.headers["set-cookie"] ?? [];
  expect(real).toMatch(/^__Host-Http-login-\w+=.*; secure/);
  expect(copy).toMatch(new RegExp(`^cloakroom-${port}-login-`));
  expect(copy).not.toMatch(/secure/i);
  expect(said.join("\n")).toContain("Safari");
});
