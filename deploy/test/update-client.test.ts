// update-client.sh: the kcadm calls it makes and its messages, with a fake kcadm.sh.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { freePort } from "@cloakroom/testing/free-port.ts";

const script = join(import.meta.dirname, "..", "keycloak", "update-client.sh");
let folder: string;
let health: Server | undefined;

/**
 * A fake kcadm.sh: `get` prints a file, and every call is recorded. Like the real one, it prints attributes only if the
 * requested fields contain `attributes(*)`.
 */
const FAKE_KCADM = `#!/bin/bash
echo "$@ password=$KC_CLI_PASSWORD" >>"$KEYCLOAK_HOME/calls"
if [[ -e $KEYCLOAK_HOME/reject ]]; then cat "$KEYCLOAK_HOME/reject" >&2; exit 1; fi
[[ $1 == get ]] || exit 0
if [[ "$*" == *"attributes(*)"* ]]; then cat "$KEYCLOAK_HOME/client.json"
else sed '/"attributes" : {/,/^  }/c\\  "attributes" : { }' "$KEYCLOAK_HOME/client.json"; fi
`;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cloakroom-update-"));
  mkdirSync(join(folder, "bin"));
  writeFileSync(join(folder, "bin", "kcadm.sh"), FAKE_KCADM);
  chmodSync(join(folder, "bin", "kcadm.sh"), 0o755);
});
afterEach(() => {
  health?.close();
  health = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** A client in kcadm's output format. */
function printedClient(origin: string, change: Record<string, unknown> = {}): string {
  const lines = Object.entries({
    id: "0b1c",
    rootUrl: origin,
    redirectUris: [`${origin}/bff/callback`],
    webOrigins: [],
    attributes: {
      "post.logout.redirect.uris": `${origin}/bff/logout/return##${origin}/logged-out`,
      "backchannel.logout.url": "http://gateway:3000/bff/backchannel-logout",
    },
    ...change,
  }).map(([name, value]) => `  "${name}" : ${print(value)}`);
  return `[ {\n${lines.join(",\n")}\n} ]\n`;
}
function print(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "[ ]" : `[ ${value.map(print).join(", ")} ]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const lines = Object.entries(value).map(([name, each]) => `    "${name}" : ${print(each)}`);
  return `{\n${lines.join(",\n")}\n  }`;
}

async function serveHealth(port = 0, status = 200): Promise<number> {
  health = createServer((_request, response) => response.writeHead(status).end());
  health.listen(port, "127.0.0.1");
  await once(health, "listening");
  return (health.address() as AddressInfo).port;
}

type Run = { port: number; origin?: string; server?: number; env?: Record<string, string> };

async function run({ port, origin = "https://app.example", server = process.pid, env = {} }: Run) {
  const child = spawn("/bin/bash", [script, String(server)], {
    env: {
      PATH: process.env["PATH"] ?? "",
      KEYCLOAK_HOME: folder,
      KC_HTTP_MANAGEMENT_PORT: String(port),
      KC_BOOTSTRAP_ADMIN_USERNAME: "bootstrap-admin",
      KC_BOOTSTRAP_ADMIN_PASSWORD: "the-password",
      CLOAKROOM_ORIGIN: origin,
      CLOAKROOM_BACKCHANNEL_ORIGIN: "http://gateway:3000",
      UPDATE_RETRY_SECONDS: "0",
      ...env,
    },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (output += text.toString()));
  const [status] = (await once(child, "close")) as [number];
  const file = join(folder, "calls");
  const calls = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  return { status, output, updates: calls.filter((call) => call.startsWith("update")), calls };
}

it.each<[string, string]>([
  ["a plain http origin on another port", printedClient("http://localhost:3000")],
  ["another host", printedClient("https://old.example")],
  ["no post-logout redirect URIs", printedClient("https://app.example", { attributes: {} })],
  ["a second redirect URI", printedClient("https://app.example", { redirectUris: ["https://app.example/*"] })],
  ["web origins", printedClient("https://app.example", { webOrigins: ["+"] })],
  ["no root URL", printedClient("https://app.example", { rootUrl: "" })],
  [
    "another back-channel logout URL",
    printedClient("https://app.example", {
      attributes: { "backchannel.logout.url": "http://elsewhere/bff/backchannel-logout" },
    }),
  ],
])("update-client.sh updates a client with %s", async (_what, found) => {
  writeFileSync(join(folder, "client.json"), found);
  const { status, output, updates } = await run({ port: await serveHealth() });
  expect([status, output]).toEqual([0, "Client cloakroom updated to the URIs of https://app.example.\n"]);
  expect(updates).toHaveLength(1);
  expect(updates[0]).toContain("clients/0b1c -r demo");
  for (const setting of [
    "rootUrl=https://app.example",
    'redirectUris=["https://app.example/bff/callback"]',
    "webOrigins=[]",
    'attributes."post.logout.redirect.uris"=https://app.example/bff/logout/return##https://app.example/logged-out',
    'attributes."backchannel.logout.url"=http://gateway:3000/bff/backchannel-logout',
  ])
    expect(updates[0]).toContain(` -s ${setting} `);
});

it("update-client.sh does not update a client with current URIs, which would be an admin event", async () => {
  writeFileSync(join(folder, "client.json"), printedClient("https://app.example"));
  const { status, output, updates } = await run({ port: await serveHealth() });
  expect([status, updates]).toEqual([0, []]);
  expect(output).toContain("already");
});

it("update-client.sh waits until Keycloak is ready", async () => {
  writeFileSync(join(folder, "client.json"), printedClient("http://localhost:3000"));
  const port = await freePort();
  const running = run({ port });
  await serveHealth(port, 503);
  health!.close();
  health!.closeAllConnections();
  await serveHealth(port);
  expect(await running).toMatchObject({ status: 0, updates: [expect.stringContaining("https://app.example")] });
}, 20_000);

it("update-client.sh passes the password in the environment, not as an argument", async () => {
  writeFileSync(join(folder, "client.json"), printedClient("http://localhost:3000"));
  const { calls } = await run({ port: await serveHealth() });
  for (const call of calls) {
    expect(call).toMatch(/ password=the-password$/);
    expect(call.split("the-password")).toHaveLength(2);
  }
});

it("update-client.sh exits silently if the server process ends before it is ready", async () => {
  const ended = spawn("true");
  await once(ended, "close");
  expect(await run({ port: await freePort(), server: ended.pid! })).toMatchObject({ status: 0, output: "", calls: [] });
});

it.each([
  ["a replaced administrator", "Invalid user credentials [invalid_grant]", /as bootstrap-admin: Invalid user/],
  ["a missing realm", "Resource not found for url: …/realms/demo/clients", /Resource not found/],
])(
  "with %s, update-client.sh retries five times, then prints the URIs to set by hand",
  async (_what, message, expected) => {
    writeFileSync(join(folder, "reject"), message);
    const { status, output, calls } = await run({ port: await serveHealth() });
    expect([status, calls.length]).toEqual([1, 5]);
    expect(output).toMatch(expected);
    for (const uri of ["/bff/callback", "/bff/logout/return", "/logged-out"])
      expect(output).toContain(`https://app.example${uri}`);
    expect(output).toContain("http://gateway:3000/bff/backchannel-logout");
    expect(output).not.toContain("the-password");
  },
);

it("update-client.sh reports a missing client", async () => {
  writeFileSync(join(folder, "client.json"), "[ ]\n");
  const { status, output } = await run({ port: await serveHealth() });
  expect([status, output.includes("realm demo has no client cloakroom")]).toEqual([1, true]);
});

it("update-client.sh reports that Keycloak is not ready in time", async () => {
  const { status, output } = await run({ port: await freePort(), env: { UPDATE_WAIT_SECONDS: "1" } });
  expect([status, output]).toEqual([1, "Client cloakroom not updated: Keycloak is not ready after 1 s.\n"]);
});
