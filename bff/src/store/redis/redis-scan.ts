// SCAN over one server or over all masters of a Cluster, in steps that do not block Redis.
import { Cluster } from "ioredis";
import type { RedisClient } from "./redis-connection.ts";

type Attempt = <T>(command: () => Promise<T>) => Promise<T>;

const KEYS_PER_STEP = 500;

/** Yields every key that exists during the whole scan, possibly twice. @throws the error of `attempt` */
export async function* scanNames(client: RedisClient, attempt: Attempt, pattern: string): AsyncIterable<string[]> {
  for (const node of client instanceof Cluster ? client.nodes("master") : [client]) {
    let cursor = "";
    while (cursor !== "0") {
      const from = cursor === "" ? "0" : cursor;
      const [next, names] = await attempt(() => node.scan(from, "MATCH", pattern, "COUNT", KEYS_PER_STEP));
      cursor = next;
      yield names;
    }
  }
}

/** Few, because a paginated list reads every session of a step. */
const KEYS_PER_PAGE_STEP = 64;

/**
 * One step of a scan that a later call continues. Masters of a Cluster are scanned in the order of their addresses, so that
 * a scan continues after nodes have joined or left.
 * @param position undefined: the first step; otherwise `next` of the previous step: cursor and address of a master
 * @throws the error of `attempt`
 */
export async function scanStep(
  client: RedisClient,
  attempt: Attempt,
  { pattern, position }: { pattern: string; position: string | undefined },
): Promise<{ names: string[]; next: string | undefined }> {
  const [from = "0", address = ""] = position?.split(" ") ?? [];
  const nodes = client instanceof Cluster ? mastersByAddress(client) : [{ address: "", node: client }];
  const at = nodes.findIndex((each) => each.address >= address);
  const current = nodes[at];
  if (current === undefined) return { names: [], next: undefined };
  const cursor = current.address === address ? from : "0";
  const [next, names] = await attempt(() => current.node.scan(cursor, "MATCH", pattern, "COUNT", KEYS_PER_PAGE_STEP));
  if (next !== "0") return { names, next: `${next} ${current.address}` };
  const following = nodes[at + 1];
  return { names, next: following && `0 ${following.address}` };
}

function mastersByAddress(cluster: Cluster) {
  const address = ({ options }: ReturnType<Cluster["nodes"]>[number]) => `${options.host}:${options.port}`;
  return cluster
    .nodes("master")
    .map((node) => ({ address: address(node), node }))
    .toSorted((one, other) => (one.address < other.address ? -1 : 1));
}
