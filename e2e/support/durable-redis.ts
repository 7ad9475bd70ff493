// A Redis with an append-only file: it can hang, crash and restart without loss of data. Writes are not synced to the
// disk, since only the process crashes and a slow disk would be a second outage.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRedisServer } from "@cloakroom/testing/redis-server.ts";
import { freePort } from "@cloakroom/testing/free-port.ts";

export type DurableRedis = {
  readonly url: string;
  /** SIGSTOP: connections stay open and commands get no reply. */
  pause: () => void;
  resume: () => void;
  /** SIGKILL. */
  crash: () => Promise<void>;
  /** Starts again on the same port with the data written before. */
  restart: () => Promise<void>;
  /** @returns the append-only file: every write ever made, deleted keys included */
  readWrites: () => Promise<string>;
  stop: () => Promise<void>;
};

export async function startDurableRedis(): Promise<DurableRedis> {
  const folder = await mkdtemp(join(tmpdir(), "cloakroom-redis-"));
  const args = ["--appendonly", "yes", "--appendfsync", "no", "--dir", folder];
  const port = await freePort();
  let server = await startRedisServer({ port, args });
  return {
    url: server.url,
    pause: () => server.pause(),
    resume: () => server.resume(),
    crash: () => server.kill(),
    restart: async () => void (server = await startRedisServer({ port, args })),
    readWrites: async () => {
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
