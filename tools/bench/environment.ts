// Environment that all contestants share: Redis, the provider, the APIs and a folder for generated files.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { startRedisServer } from "@cloakroom/testing/redis-server.ts";
import { Missing, type Contestant, type Running, type BenchEnvironment } from "./contestant.ts";
import { nginxCommand } from "./nginx-config.ts";
import { startNode, startProgram } from "./start-process.ts";

export type User = { username: string; password: string };

/** Several users, so that no contestant benefits from caching a single one. */
export const USERS: readonly User[] = Array.from({ length: 16 }, (_, index) => ({
  username: `user-${index}`,
  password: `a-password-for-user-${index}`,
}));

export async function startBenchEnvironment(contestants: readonly Contestant[]): Promise<BenchEnvironment> {
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-bench-"));
  // Apache's workers run as another system user.
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
      CLIENTS: JSON.stringify(
        redirectUris.length === 0 ? [] : [{ ...client, redirectUris, allowClientCredentials: true }],
      ),
      USERS: JSON.stringify(USERS),
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

/** nginx if available: a light upstream leaves more of the machine for the contestant. */
async function startFastUpstream(folder: string, bodies: Running): Promise<{ fast: Running; upstreamName: string }> {
  const port = await freePort();
  const body = JSON.stringify({ message: "probeReceived", user: { sub: "alice", name: "Alice Example" } });
  const http = `
  access_log off;
  server {
    listen 127.0.0.1:${port};
    default_type application/json;
    location / {
      if ($http_authorization !~ "^(Bearer|DPoP) .") { return 401; }
      return 200 '${body}';
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

/** An IP address, so that no name is resolved. */
function loopback({ origin }: Running): string {
  return origin.replace("localhost", "127.0.0.1");
}
