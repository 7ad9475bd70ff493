// Redis server of one test, which can be frozen, killed and restarted on the same port with its data. The AOF is not synced
// to disk: it survives the process, and disk latency cannot delay commands.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRedisServer } from "@cloakroom/testing/redis-server.ts";

export type TestRedis = {
  url: string;
  pause(): void;
  resume(): void;
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
};

export async function startRedis(extra: readonly string[] = []): Promise<TestRedis> {
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-redis-"));
  const args = ["--dir", folder, "--appendonly", "yes", "--appendfsync", "no", ...extra];
  let server = await startRedisServer({ args });
  const { port, url } = server;
  return {
    url,
    pause: () => server.pause(),
    resume: () => server.resume(),
    kill: () => server.kill(),
    async start() {
      server = await startRedisServer({ port, args });
    },
    async stop() {
      server.resume();
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
