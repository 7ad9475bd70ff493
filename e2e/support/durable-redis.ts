// A Redis that can be frozen, crash and come back with what it had stored: an append-only file, written at once. The
// process crashes and never the machine, so nothing waits for the disk: a slow one would be an outage of its own.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRedisServer } from "../../demo/src/redis-server.ts";
import { freePort } from "../../demo/src/free-port.ts";

export type DurableRedis = {
  readonly url: string;
  /** Connections stay open and nothing answers. */
  freeze: () => void;
  thaw: () => void;
  crash: () => Promise<void>;
  startAgain: () => Promise<void>;
  /** Everything that was ever written to it, deleted since or not. */
  written: () => Promise<string>;
  stop: () => Promise<void>;
};

export async function startDurableRedis(): Promise<DurableRedis> {
  const folder = await mkdtemp(join(tmpdir(), "cloakroom-redis-"));
  const args = ["--appendonly", "yes", "--appendfsync", "no", "--dir", folder];
  const port = await freePort();
  let server = await startRedisServer({ port, args });
  return {
    url: server.url,
    freeze: () => server.pause(),
    thaw: () => server.resume(),
    crash: () => server.kill(),
    startAgain: async () => void (server = await startRedisServer({ port, args })),
    written: async () => {
      const files = await readdir(folder, { recursive: true, withFileTypes: true });
      const texts = files
        .filter((file) => file.isFile())
        .map((file) => readFile(join(file.parentPath, file.name), "latin1"));
      return (await Promise.all(texts)).join("\n");
    },
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
