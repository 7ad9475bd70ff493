// Redis Cluster of `size` masters without replicas.
import { connectRedis } from "@cloakroom/gateway/src/store/redis/redis-connection.ts";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { startRedis, type TestRedis } from "./test-redis.ts";

export type TestCluster = { url: string; nodes: TestRedis[]; stop(): Promise<void> };

const SLOTS = 16_384;

export async function startCluster(size: number): Promise<TestCluster> {
  const nodes: TestRedis[] = [];
  const busPorts: number[] = [];
  for (let n = 0; n < size; n++) {
    const busPort = await freePort();
    nodes.push(await startRedis(["--cluster-enabled", "yes", "--cluster-port", String(busPort)]));
    busPorts.push(busPort);
  }
  for (const [n, { url }] of nodes.entries()) {
    const [from, to] = [Math.ceil((n * SLOTS) / size), Math.ceil(((n + 1) * SLOTS) / size) - 1];
    await run(url, "CLUSTER", "ADDSLOTSRANGE", String(from), String(to));
    if (n > 0) await run(url, "CLUSTER", "MEET", "127.0.0.1", new URL(nodes[0]!.url).port, String(busPorts[0]));
  }
  for (const { url } of nodes) {
    const isWhole = async () => {
      const info = String(await run(url, "CLUSTER", "INFO"));
      return info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${size}`);
    };
    while (!(await isWhole())) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const hosts = nodes.map(({ url }) => new URL(url).host).join(",");
  return {
    url: `redis+cluster://${hosts}`,
    nodes,
    stop: async () => void (await Promise.all(nodes.map((node) => node.stop()))),
  };
}

async function run(url: string, command: string, ...args: string[]): Promise<unknown> {
  const client = connectRedis({ url, timeoutMs: 1_000 });
  client.on("error", () => undefined);
  await new Promise((connected) => client.once("ready", connected));
  const reply = await client.call(command, ...args);
  client.disconnect();
  return reply;
}
