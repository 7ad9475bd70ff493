// The stand-alone resource API as a process.
import { spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { freePort } from "@cloakroom/testing/free-port.ts";
import type { ProviderHandle } from "@cloakroom/testing/provider/types.ts";
import { logIn, startTestProvider } from "@cloakroom/testing/provider-client.ts";

const main = fileURLToPath(new URL("../src/api/main.ts", import.meta.url));
let child: ChildProcess | undefined;
let provider: ProviderHandle | undefined;

afterEach(async () => {
  child?.kill("SIGKILL");
  await provider?.stop();
});

function startApiProcess(env: Record<string, string>): { output: () => string; child: ChildProcess } {
  const started = spawn(process.execPath, [main], { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [started.stdout, started.stderr])
    stream.on("data", (text: Buffer) => (output += text.toString()));
  child = started;
  return { output: () => output, child: started };
}

/** Below the size of the uploaded body. The growth is measured because the size at rest depends on the Node version. */
const MAX_GROWTH_BYTES = 150 * 1024 * 1024;

/** @returns the peak resident memory of the process since its start (Linux only) */
function peakBytes({ pid }: ChildProcess): number {
  const peakKb = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(peakKb) * 1024;
}

test("the API reports all invalid settings at once and exits with 1", async () => {
  const apiProcess = startApiProcess({ API_PORT: "many", API_ROLES_CLAIM: "a..b" });
  const [code] = (await once(apiProcess.child, "exit")) as [number];
  expect(code).toBe(1);
  for (const name of ["API_ISSUER", "API_PORT", "API_ROLES_CLAIM"]) expect(apiProcess.output()).toContain(name);
});

test("the API accepts the provider's tokens, hashes 200 MB in bounded memory and stops on SIGTERM", async () => {
  provider = await startTestProvider();
  const port = await freePort();
  const apiProcess = startApiProcess({ API_PORT: String(port), API_ISSUER: provider.issuer });
  await expect.poll(apiProcess.output, { timeout: 10_000 }).toContain("Resource API listening on");
  const { tokens } = await logIn(provider);
  const peakBytesBefore = process.platform === "linux" ? peakBytes(apiProcess.child) : 0;

  const chunk = Buffer.alloc(1024 * 1024, 7);
  const hash = createHash("sha256");
  let remainingChunks = 200;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (remainingChunks-- === 0) return controller.close();
      hash.update(chunk);
      controller.enqueue(new Uint8Array(chunk));
    },
  });
  const response = await fetch(`http://127.0.0.1:${port}/upload`, {
    method: "POST",
    body,
    duplex: "half",
    headers: { authorization: `Bearer ${tokens.access_token}` },
  } as RequestInit);
  expect(await response.json()).toMatchObject({ bytes: 200 * 1024 * 1024, sha256: hash.digest("hex") });
  if (process.platform === "linux")
    expect(peakBytes(apiProcess.child) - peakBytesBefore).toBeLessThan(MAX_GROWTH_BYTES);
  const ended = once(apiProcess.child, "exit");
  apiProcess.child.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
});
