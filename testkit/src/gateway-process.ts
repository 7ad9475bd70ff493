// Starts main.ts of the gateway as a child process, without waiting for its readiness, and collects its output.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { testApplication, testKeys } from "./stored-session.ts";

export type GatewayProcess = {
  child: ChildProcess;
  port: number;
  managementPort: number;
  /** Standard output and error so far. */
  output: () => string;
  /** Resolves with the exit code after the exit and the end of the output; null after a signal. */
  exited: Promise<number | null>;
  /** Sends SIGKILL and waits for the exit. */
  kill: () => Promise<void>;
};

const ENTRY = fileURLToPath(import.meta.resolve("@cloakroom/gateway/src/main.ts"));

/** @param env in addition to free ports, test keys and a provider address that is not reachable */
export async function startGatewayProcess(env: Readonly<Record<string, string>> = {}): Promise<GatewayProcess> {
  const [port, managementPort] = [await freePort(), await freePort()];
  return spawnGateway(port, managementPort, {
    PORT: String(port),
    MANAGEMENT_PORT: String(managementPort),
    PUBLIC_ORIGIN: `http://localhost:${port}`,
    APP_ID: testApplication,
    OIDC_ISSUER: "http://127.0.0.1:1",
    OIDC_CLIENT_ID: "cloakroom-test",
    OIDC_CLIENT_SECRET: "a-client-secret-for-tests",
    SECRET_KEYS: testKeys.map((key) => key.toString("base64url")).join(","),
    ...env,
  });
}

/** @param file path of a cloakroom.yaml without ports and keys */
export async function startConfiguredProcess(file: string, env: Readonly<Record<string, string>> = {}) {
  const [port, managementPort] = [await freePort(), await freePort()];
  return spawnGateway(port, managementPort, {
    CLOAKROOM_CONFIG: file,
    PORT: String(port),
    MANAGEMENT_PORT: String(managementPort),
    SECRET_KEYS: testKeys.map((key) => key.toString("base64url")).join(","),
    ...env,
  });
}

function spawnGateway(port: number, managementPort: number, env: Readonly<Record<string, string>>): GatewayProcess {
  const child = spawn(process.execPath, [ENTRY], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (output += text.toString()));
  const ended = once(child, "exit");
  const exited = once(child, "close").then(([code]) => code as number | null);
  return {
    child,
    port,
    managementPort,
    output: () => output,
    exited,
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
