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
