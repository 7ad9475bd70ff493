// How startTestSystem configures the gateway: a file, errors at the start, and the store.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createTestClient } from "../src/client.ts";
import { startTestSystem } from "../src/system.ts";

test("a gateway with a cloakroom.yaml gets what the file references", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "cloakroom-")), "cloakroom.yaml");
  const lines = [
    "origin: ${PUBLIC_ORIGIN}",
    "provider:",
    "  issuer: ${OIDC_ISSUER}",
    "  clientId: ${OIDC_CLIENT_ID}",
    "  clientSecret: ${OIDC_CLIENT_SECRET}",
    "upstreams:",
    "  - prefix: /shop",
    "    baseUrl: ${SHOP_URL}",
  ];
  writeFileSync(file, lines.join("\n"));
  const configured = await startTestSystem({ store: "memory", config: file, env: { SHOP_URL: "http://127.0.0.1:9" } });
  const client = createTestClient(configured);
  expect((await client.fetch("/shop/orders")).status).toBe(401);
  await client.login(await configured.createUser());
  // The row exists; its upstream does not.
  expect((await client.fetch("/shop/orders")).status).toBe(502);
  await configured.stop();
});

test("a gateway that does not start is an error with its message", async () => {
  await expect(startTestSystem({ store: "memory", env: { OIDC_SCOP: "openid" } })).rejects.toThrow(/OIDC_SCOP/);
});

test("without redis-server on PATH the store is memory, which is reported", async () => {
  const path = process.env["PATH"];
  const write = process.stderr.write;
  let reported = "";
  process.stderr.write = ((text: string) => (reported += text) !== "") as typeof write;
  process.env["PATH"] = "/nowhere";
  try {
    const started = await startTestSystem();
    expect(started.store).toBe("memory");
    await started.stop();
  } finally {
    process.env["PATH"] = path;
    process.stderr.write = write;
  }
  expect(reported).toContain("no redis-server on PATH");
});
