// Redis with Sentinel (`redis+sentinel://`): a master, two replicas and three Sentinels, with controls for failovers.
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
  /** @returns the port of the current master according to the Sentinels */
  masterPort: () => Promise<number>;
  /** Freezes the replicas, so that no further write is replicated. */
  pauseReplicas: () => Promise<void>;
  resumeReplicas: () => void;
  /** Kills the master; `start` restarts it as a replica. @returns milliseconds until a replica was promoted */
  failOver: () => Promise<number>;
};

const MASTER_NAME = "cloakroom";
/** down-after-milliseconds. One second was too short for a Sentinel that reopens its connections. */
const DOWN_AFTER_MS = 2_000;

export async function startSentinelRedis(): Promise<SentinelRedis> {
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-sentinel-"));
  const servers = new Map<number, RedisServer>();
  const startServer = async (port: number, replicaOf?: number, priority = 100): Promise<void> => {
    const replication = replicaOf === undefined ? [] : ["--replicaof", "127.0.0.1", String(replicaOf)];
    replication.push("--replica-priority", String(priority));
    const args = ["--repl-diskless-sync-delay", "0", "--dir", folder, "--dbfilename", `${port}.rdb`, ...replication];
    servers.set(port, await startRedisServer({ port, args }));
  };
  const [first, second, third] = [await freePort(), await freePort(), await freePort()];
  await startServer(first);
  await startServer(second, first);
  await startServer(third, first);
  const sentinels = await Promise.all([0, 1, 2].map((index) => startSentinel(join(folder, `${index}.conf`), first)));
  const sentinel = new Redis({ port: sentinels[0]?.port ?? 0, lazyConnect: false, maxRetriesPerRequest: 3 });
  sentinel.on("error", () => undefined);
  const masterPort = async (): Promise<number> => {
    const [, port] = (await sentinel.call("SENTINEL", "get-master-addr-by-name", MASTER_NAME)) as [string, string];
    return Number(port);
  };
  const isComplete = async (): Promise<boolean> => {
    const reply = (await sentinel.call("SENTINEL", "master", MASTER_NAME)) as string[];
    const field = (name: string) => reply[reply.indexOf(name) + 1];
    return field("num-slaves") === "2" && field("num-other-sentinels") === "2" && field("flags") === "master";
  };
  const isReplicated = async (): Promise<boolean> => {
    const master = new Redis({ port: await masterPort() });
    try {
      await master.set("cloakroom-chaos:replicated", "1", "PX", 60_000);
      return (await master.wait(2, 200)) === 2;
    } finally {
      master.disconnect();
    }
  };
  await until("the Sentinels have discovered each other and the replicas", isComplete);
  await until("the replicas are in sync", isReplicated);
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
    url: `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",")}/${MASTER_NAME}`,
    masterPort,
    pause: () => servers.forEach((server) => server.pause()),
    resume: () => servers.forEach((server) => server.resume()),
    async pauseReplicas() {
      (await replicas()).forEach((server) => server.pause());
      // Closes the replication connections, whose buffers would still be delivered.
      const master = new Redis({ port: await masterPort() });
      await master.call("CLIENT", "KILL", "TYPE", "replica");
      master.disconnect();
    },
    resumeReplicas: () => servers.forEach((server) => server.resume()),
    kill,
    async start() {
      if (dead === undefined) return;
      // Priority 0 until it is in sync: Sentinels sometimes fail over twice and would promote an empty replica.
      await startServer(dead, await masterPort(), 0);
      await until("the restarted server replicates the new master", isComplete);
      await until("both replicas are in sync", isReplicated);
      const restarted = new Redis({ port: dead });
      await restarted.config("SET", "replica-priority", "100");
      restarted.disconnect();
      dead = undefined;
    },
    async failOver() {
      const before = await masterPort();
      const fromMs = performance.now();
      await kill();
      await until("a replica is promoted", async () => (await masterPort()) !== before);
      return performance.now() - fromMs;
    },
    async stop() {
      sentinel.disconnect();
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
  const { stop } = await startSentinelProcess(file, [
    `port ${port}`,
    "bind 127.0.0.1",
    `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${masterPort} 2`,
    `sentinel down-after-milliseconds ${MASTER_NAME} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${MASTER_NAME} 3000`,
    `sentinel parallel-syncs ${MASTER_NAME} 2`,
  ]);
  return { port, stop };
}

/** Writes the configuration to `file` and starts a Sentinel with it. */
export async function startSentinelProcess(
  file: string,
  settings: readonly string[],
): Promise<{ stop: () => Promise<void> }> {
  writeFileSync(file, settings.join("\n"));
  // redis-sentinel is the Redis binary with this option.
  const child = spawn(findRedisBinary() ?? "redis-server", [file, "--sentinel"], {
    stdio: "ignore",
    detached: true,
    env: {},
  });
  const ended = once(child, "exit");
  await once(child, "spawn");
  const release = killWithParent(child.pid ?? 0);
  return {
    stop: async () => {
      child.kill("SIGKILL");
      await ended;
      release();
    },
  };
}
