// The commands of the packages, when the reader of their output has gone: `npx cloakroom check | head -1`.
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { globSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, it } from "vitest";
import { ROOT } from "@cloakroom/testkit/bin.ts";
import { freePort } from "@cloakroom/testing/free-port.ts";

const CONFIG = `provider: { issuer: http://localhost:4000, clientId: shop, clientSecret: ${"s".repeat(32)} }\n`;

/** Arguments by command; the key is the name in `bin` of a package. */
const RUNS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  cloakroom: [
    ["--help"],
    ["init", "--issuer", "http://localhost:4000", "--client-id", "shop", "--upstream", "/api=http://localhost:8000"],
    ["check", "--config", "valid.yaml"],
    ["check", "--json", "--config", "valid.yaml"],
    ["sessions", "--help"],
  ],
  "create-cloakroom": [["--help"], ["app"]],
  "cloakroom-provider": [["--help"]],
};

const COMMANDS = globSync(["bff/package.json", "packages/*/package.json"], { cwd: ROOT }).flatMap((file) => {
  const { bin = {} } = JSON.parse(readFileSync(join(ROOT, file), "utf8")) as { bin?: Record<string, string> };
  return Object.entries(bin).map(([name, path]) => [name, join(ROOT, file, "..", path)] as const);
});

function startWithoutReader(
  file: string,
  parameters: readonly string[],
): { child: ChildProcess; errors: Promise<string> } {
  const cwd = mkdtempSync(join(tmpdir(), "cloakroom-"));
  writeFileSync(join(cwd, "valid.yaml"), CONFIG);
  const env = { PATH: process.env["PATH"] ?? "", SECRET_KEYS: randomBytes(32).toString("base64url") };
  const child = spawn(process.execPath, [file, ...parameters], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  return { child, errors: text(child.stderr) };
}

it.each(COMMANDS.flatMap(([name, file]) => (RUNS[name] ?? []).map((run) => [name, run, file] as const)))(
  "%s %j succeeds although the reader of its output has gone",
  async (_name, parameters, file) => {
    const { child, errors } = startWithoutReader(file, parameters);
    const [status] = (await once(child, "exit")) as [number | null];
    expect({ status, errors: await errors }).toEqual({ status: 0, errors: "" });
  },
);

it("every command of the packages is tried", () => {
  expect(COMMANDS.map(([name]) => name).sort()).toEqual(Object.keys(RUNS).sort());
});

it("cloakroom-provider serves on although the reader of its output has gone", async () => {
  const [port, controlPort] = [await freePort(), await freePort()];
  const [, file = ""] = COMMANDS.find(([name]) => name === "cloakroom-provider") ?? [];
  const options = ["--port", String(port), "--control-port", String(controlPort)];
  const { child, errors } = startWithoutReader(file, options);
  const respondsWith = () =>
    fetch(`http://127.0.0.1:${controlPort}/count`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '["token:refresh_token"]',
    }).then(
      ({ status }) => status,
      () => child.exitCode,
    );
  await expect.poll(respondsWith).toBe(200);
  child.kill();
  const [status] = (await once(child, "exit")) as [number | null];
  expect({ status, errors: await errors }).toEqual({ status: 0, errors: "" });
});
