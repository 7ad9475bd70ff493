// Runs the resource API as a child process.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { killWithParent } from "@cloakroom/testing/kill-with-parent.ts";
import { ROOT } from "../bin.ts";

const readyTimeoutMs = 15_000;

export type ApiProcess = { url: string; stop: () => Promise<void> };

export async function startApiProcess(options: { issuer: string; audience: string }): Promise<ApiProcess> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", join(ROOT, "demo", "src", "api", "main.ts")],
    {
      env: { API_PORT: String(port), API_ISSUER: options.issuer, API_AUDIENCE: options.audience },
      stdio: ["ignore", "ignore", "inherit"],
      detached: true,
    },
  );
  const exited = once(child, "exit");
  if (child.pid !== undefined) {
    const release = killWithParent(child.pid);
    void exited.then(release);
  }
  const deadline = Date.now() + readyTimeoutMs;
  while (
    !(await fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (Date.now() > deadline || child.exitCode !== null) throw new Error("The resource API did not start.");
    await wait(50);
  }
  return {
    url,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGTERM");
      await exited;
    },
  };
}
