// Redis Cluster: three masters with one replica each, with controls for slot migration and failover.
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { startRedisServer, type RedisServer } from "@cloakroom/testing/redis-server.ts";
import type { TestRedis } from "./test-redis.ts";
import { until } from "./until.ts";

const SLOTS = 16_384;
const MASTERS = 3;
/** cluster-node-timeout. */
const NODE_TIMEOUT_MS = 1_000;

type Node = { server: RedisServer; client: Redis; id: string };

export type ClusterRedis = TestRedis & {
  /** Migrates the slots of these keys to another master, as `redis-cli --cluster reshard` does. @returns the number of slots */
  moveSlotsOf: (keys: readonly string[]) => Promise<number>;
  /** Manual failover: a replica takes over from its running master. */
  failOver: () => Promise<void>;
};

export async function startClusterRedis(): Promise<ClusterRedis> {
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-cluster-"));
  const startServer = async (port: number): Promise<RedisServer> => {
    const file = ["--cluster-config-file", `${port}.conf`, "--cluster-node-timeout", String(NODE_TIMEOUT_MS)];
    const replication = ["--repl-diskless-sync-delay", "0", "--cluster-replica-validity-factor", "0"];
    return startRedisServer({ port, args: ["--cluster-enabled", "yes", "--dir", folder, ...file, ...replication] });
  };
  const nodes: Node[] = [];
  for (let index = 0; index < 2 * MASTERS; index++) {
    const port = await freePortWithBus();
    const server = await startServer(port);
    const client = new Redis({ port, maxRetriesPerRequest: 3 });
    client.on("error", () => undefined);
    nodes.push({ server, client, id: (await client.cluster("MYID")) as string });
  }
  const masters = nodes.slice(0, MASTERS);
  await formCluster(nodes);
  let dead: Node | undefined;
  const isHealthy = async (): Promise<boolean> => {
    const running = nodes.filter((node) => node !== dead);
    const states = await Promise.all(running.map(({ client }) => client.cluster("INFO").catch(() => "")));
    return states.every((state) => String(state).includes("cluster_state:ok"));
  };
  await until("the cluster is healthy", isHealthy);
  const isMaster = async ({ client }: Node): Promise<boolean> => /role:master/.test(await client.info("replication"));
  const countMasters = async (): Promise<number> => {
    const running = nodes.filter((node) => node !== dead);
    return (await Promise.all(running.map(isMaster))).filter(Boolean).length;
  };
  return {
    url: `redis+cluster://${nodes.map(({ server }) => `127.0.0.1:${server.port}`).join(",")}`,
    pause: () => nodes.forEach(({ server }) => server.pause()),
    resume: () => nodes.forEach(({ server }) => server.resume()),
    async kill() {
      for (const node of nodes) if (dead === undefined && (await isMaster(node))) dead = node;
      await dead?.server.kill();
      // The other nodes report a healthy state until they detect the failure.
      await until("a replica has taken over", async () => (await countMasters()) === MASTERS && (await isHealthy()));
    },
    async start() {
      if (dead === undefined) return;
      dead.server = await startServer(dead.server.port);
      const restarted = dead;
      dead = undefined;
      await until("the restarted node has rejoined", async () => isHealthy());
      await until("the restarted node is a replica", async () => !(await isMaster(restarted).catch(() => true)));
    },
    async moveSlotsOf(keys) {
      const slots = new Set(
        await Promise.all(keys.map((key) => masters[0]?.client.cluster("KEYSLOT", key) as Promise<number>)),
      );
      for (const slot of slots) await moveSlot(nodes, slot);
      return slots.size;
    },
    async failOver() {
      for (const node of nodes) {
        if (await isMaster(node)) continue;
        await node.client.cluster("FAILOVER");
        await until("the replica has taken over", () => isMaster(node));
        return;
      }
    },
    async stop() {
      for (const { client, server } of nodes) {
        client.disconnect();
        server.resume();
        await server.kill();
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** @returns a port below the ephemeral range whose bus port (plus 10,000) is free and below it too */
async function freePortWithBus(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 2_700);
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

async function formCluster(nodes: readonly Node[]): Promise<void> {
  const [first] = nodes as readonly [Node, ...Node[]];
  for (const { client } of nodes.slice(1)) await client.cluster("MEET", "127.0.0.1", first.server.port);
  await until("every node has discovered all others", async () => {
    const known = await Promise.all(nodes.map(async ({ client }) => String(await client.cluster("NODES"))));
    return known.every((text) => nodes.every(({ id }) => text.includes(id)));
  });
  const share = Math.ceil(SLOTS / MASTERS);
  for (let index = 0; index < MASTERS; index++) {
    const last = Math.min((index + 1) * share, SLOTS) - 1;
    await nodes[index]?.client.call("CLUSTER", "ADDSLOTSRANGE", String(index * share), String(last));
    await nodes[index + MASTERS]?.client.cluster("REPLICATE", nodes[index]?.id ?? "");
  }
}

async function moveSlot(nodes: readonly Node[], slot: number): Promise<void> {
  const text = String(await nodes[0]?.client.cluster("NODES"));
  const masters = text.split("\n").filter((line) => /\bmaster\b/.test(line) && !/fail/.test(line));
  const owns = (line: string) => hasSlot(line, slot);
  const nodeOf = (line: string | undefined) => nodes.find(({ id }) => line?.startsWith(id));
  const from = nodeOf(masters.find(owns));
  const to = nodeOf(masters.find((line) => !owns(line)));
  if (from === undefined || to === undefined) throw new Error(`no master owns slot ${slot}`);
  await to.client.cluster("SETSLOT", slot, "IMPORTING", from.id);
  await from.client.cluster("SETSLOT", slot, "MIGRATING", to.id);
  for (;;) {
    const keys = (await from.client.cluster("GETKEYSINSLOT", slot, 1)) as string[];
    if (keys.length === 0) break;
    await from.client.migrate("127.0.0.1", to.server.port, "", 0, 5_000, "KEYS", ...keys);
  }
  // The new owner first, then the old one, then the other masters, so that they need not wait for gossip.
  const others = masters.map(nodeOf).filter((node) => node !== undefined && node !== to && node !== from);
  for (const node of [to, from, ...others]) await node?.client.cluster("SETSLOT", slot, "NODE", to.id);
  await until("every node knows the new owner of the slot", async () => {
    const views = await Promise.all(
      nodes.map(async ({ client }) => String(await client.cluster("NODES").catch(() => ""))),
    );
    return views.every(
      (view) => view === "" || view.split("\n").some((line) => line.startsWith(to.id) && hasSlot(line, slot)),
    );
  });
}

/** @param line of CLUSTER NODES: eight fields, then single slots and ranges */
function hasSlot(line: string, slot: number): boolean {
  return line
    .split(" ")
    .slice(8)
    .some((range) => {
      const [from = NaN, to = from] = range.split("-").map(Number);
      return slot >= from && slot <= to;
    });
}
