// A real Redis with two replicas and three Sentinels that watch over them: what stands behind `redis+sentinel://`.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { findRedisBinary, startRedisServer, type RedisServer } from "@cloakroom/testing/redis-server.ts";
import { killWithParent } from "@cloakroom/testing/kill-with-parent.ts";
import type { TestRedis } from "./test-redis.ts";
import { until } from "./until.ts";

export type SentinelRedis = TestRedis & {
  /** The port of whoever is master now, as the Sentinels say. */
  masterPort: () => Promise<number>;
  /** Freezes everything but the master: what it takes from now on is only there. */
  pauseReplicas: () => Promise<void>;
  resumeReplicas: () => void;
  /** Kills the master; it comes back as a replica with `start`. @returns milliseconds until another one was chosen */
  failOver: () => Promise<number>;
};

const NAME = "cloakroom";
/** Silent for so long, and a server counts as down. Half of it was too short for a Sentinel that opens its links anew. */
export const DOWN_AFTER_MS = 2_000;

export async function startSentinelRedis(): Promise<SentinelRedis> {
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-sentinel-"));
  const servers = new Map<number, RedisServer>();
  const startServer = async (port: number, replicaOf?: number, priority = 100): Promise<void> => {
    const follow = replicaOf === undefined ? [] : ["--replicaof", "127.0.0.1", String(replicaOf)];
    follow.push("--replica-priority", String(priority));
    const args = ["--repl-diskless-sync-delay", "0", "--dir", folder, "--dbfilename", `${port}.rdb`, ...follow];
    servers.set(port, await startRedisServer({ port, args }));
  };
  const [first, second, third] = [await freePort(), await freePort(), await freePort()];
  await startServer(first);
  await startServer(second, first);
  await startServer(third, first);
  const sentinels = await Promise.all([0, 1, 2].map((index) => startSentinel(join(folder, `${index}.conf`), first)));
  const asked = new Redis({ port: sentinels[0]?.port ?? 0, lazyConnect: false, maxRetriesPerRequest: 3 });
  asked.on("error", () => undefined);
  const masterPort = async (): Promise<number> => {
    const [, port] = (await asked.call("SENTINEL", "get-master-addr-by-name", NAME)) as [string, string];
    return Number(port);
  };
  const isComplete = async (): Promise<boolean> => {
    const reply = (await asked.call("SENTINEL", "master", NAME)) as string[];
    const field = (name: string) => reply[reply.indexOf(name) + 1];
    return field("num-slaves") === "2" && field("num-other-sentinels") === "2" && field("flags") === "master";
  };
  const haveEverything = async (): Promise<boolean> => {
    const master = new Redis({ port: await masterPort() });
    try {
      await master.set("cloakroom-chaos:replicated", "1", "PX", 60_000);
      return (await master.wait(2, 200)) === 2;
    } finally {
      master.disconnect();
    }
  };
  await until("the Sentinels know each other and the replicas", isComplete);
  await until("the replicas have everything", haveEverything);
  let dead: number | undefined;
  const kill = async (): Promise<void> => {
    dead = await masterPort();
    await servers.get(dead)?.kill();
  };
  const replicas = async () => {
    const master = await masterPort();
    return [...servers].filter(([port]) => port !== master && port !== dead).map(([, server]) => server);
  };
  return {
    url: `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",")}/${NAME}`,
    masterPort,
    pause: () => servers.forEach((server) => server.pause()),
    resume: () => servers.forEach((server) => server.resume()),
    async pauseReplicas() {
      (await replicas()).forEach((server) => server.pause());
      // What is on its way would still arrive; without a connection nothing is.
      const master = new Redis({ port: await masterPort() });
      await master.call("CLIENT", "KILL", "TYPE", "replica");
      master.disconnect();
    },
    resumeReplicas: () => servers.forEach((server) => server.resume()),
    kill,
    async start() {
      if (dead === undefined) return;
      // It has nothing yet: were it chosen (Sentinels now and then choose twice), nobody would have anything any more.
      await startServer(dead, await masterPort(), 0);
      await until("the one that was dead follows the new master", isComplete);
      await until("both replicas have everything", haveEverything);
      const complete = new Redis({ port: dead });
      await complete.config("SET", "replica-priority", "100");
      complete.disconnect();
      dead = undefined;
    },
    async failOver() {
      const before = await masterPort();
      const fromMs = performance.now();
      await kill();
      await until("another master is chosen", async () => (await masterPort()) !== before);
      return performance.now() - fromMs;
    },
    async stop() {
      asked.disconnect();
      for (const each of sentinels) await each.stop();
      for (const server of servers.values()) {
        server.resume();
        await server.kill();
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startSentinel(file: string, masterPort: number): Promise<{ port: number; stop: () => Promise<void> }> {
  const port = await freePort();
  writeFileSync(
    file,
    [
      `port ${port}`,
      "bind 127.0.0.1",
      `sentinel monitor ${NAME} 127.0.0.1 ${masterPort} 2`,
      `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}`,
      `sentinel failover-timeout ${NAME} 3000`,
      `sentinel parallel-syncs ${NAME} 2`,
    ].join("\n"),
  );
  // The same binary is redis-sentinel by this word; Debian's package of that name is a link to it.
  const child = spawn(findRedisBinary() ?? "redis-server", [file, "--sentinel"], {
    stdio: "ignore",
    detached: true,
    env: {},
  });
  const ended = once(child, "exit");
  await once(child, "spawn");
  const release = killWithParent(child.pid ?? 0);
  return {
    port,
    stop: async () => {
      child.kill("SIGKILL");
      await ended;
      release();
    },
  };
}
