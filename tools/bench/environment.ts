// What all contestants share: one Redis, one provider, one API in two shapes, and a folder for generated files.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { startRedisServer } from "@cloakroom/testing/redis-server.ts";
import { Missing, type Contestant, type Running, type BenchEnvironment } from "./contestant.ts";
import { nginxCommand } from "./nginx-config.ts";
import { startNode, startProgram } from "./start-process.ts";

export type Person = { username: string; password: string };

/** Sixteen people: nobody's cache may live on one of them. */
export const PEOPLE: readonly Person[] = Array.from({ length: 16 }, (_, index) => ({
  username: `user-${index}`,
  password: `a-password-for-user-${index}`,
}));

export async function startBenchEnvironment(contestants: readonly Contestant[]): Promise<BenchEnvironment> {
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-bench-"));
  // Apache's workers run as another user.
  chmodSync(folder, 0o755);
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", removeFolder);
  const ports = new Map<string, number>();
  for (const { id } of contestants) ports.set(id, await freePort());
  const client = { clientId: "the-bench", clientSecret: "a-client-secret-for-the-bench-000" };
  const providerPort = await freePort();
  const redis = await startRedisServer();
  const bodies = await startUpstream();
  const { fast, upstreamName } = await startFastUpstream(folder, bodies);
  const redirectUris = contestants.flatMap(({ id, login }) =>
    login === undefined ? [] : [`http://localhost:${ports.get(id)}${login.callbackPath}`],
  );
  const provider = await startNode({
    name: "provider",
    file: "tools/bench/servers/provider.ts",
    port: providerPort,
    env: {
      CLIENTS: JSON.stringify(redirectUris.length === 0 ? [] : [{ ...client, redirectUris }]),
      USERS: JSON.stringify(PEOPLE),
    },
  });
  return {
    folder,
    issuer: `http://127.0.0.1:${providerPort}`,
    client,
    redis,
    upstream: loopback(fast),
    bodiesUpstream: loopback(bodies),
    upstreamName,
    ports,
    stop: async () => {
      await Promise.all([provider.stop(), bodies.stop(), fast.stop(), redis.stop()]);
    },
  };
}

async function startUpstream(): Promise<Running> {
  return startNode({ name: "upstream", file: "tools/bench/servers/upstream.ts", port: await freePort(), env: {} });
}

/** The lighter it is, the more of the machine is left for who is measured. */
async function startFastUpstream(folder: string, bodies: Running): Promise<{ fast: Running; upstreamName: string }> {
  const port = await freePort();
  const answer = JSON.stringify({ message: "probeReceived", user: { sub: "alice", name: "Alice Example" } });
  const http = `
  access_log off;
  server {
    listen 127.0.0.1:${port};
    default_type application/json;
    location / {
      if ($http_authorization !~ "^Bearer .") { return 401; }
      return 200 '${answer}';
    }
  }`;
  try {
    const command = nginxCommand({ folder, name: "upstream", http });
    return { fast: await startProgram("upstream", command, port), upstreamName: "nginx" };
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    return { fast: { ...bodies, stop: async () => undefined }, upstreamName: "Node" };
  }
}

/** Servers are called by number: a name would be looked up. */
function loopback({ origin }: Running): string {
  return origin.replace("localhost", "127.0.0.1");
}
