// Load generator without wrk, in a separate process: one request in flight per connection.
import { Pool } from "undici";
import type { LoadOrder, LoadResult } from "../load.ts";

/** Upper limits, whatever the options are. */
const MAX_REQUESTS = 500_000;

async function load({ origin, path, heads, connections, seconds }: LoadOrder): Promise<LoadResult> {
  const pool = new Pool(origin, { connections, pipelining: 1 });
  const latenciesMs: number[] = [];
  let failures = 0;
  const start = performance.now();
  const endsAt = start + seconds * 1000;
  const worker = async (_: unknown, index: number): Promise<void> => {
    const headers = heads[index % heads.length] ?? {};
    while (performance.now() < endsAt && latenciesMs.length < MAX_REQUESTS) {
      const sentAt = performance.now();
      const { statusCode, body } = await pool.request({ method: "GET", path, headers });
      await body.dump();
      if (statusCode !== 200) failures += 1;
      latenciesMs.push(performance.now() - sentAt);
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  const elapsed = (performance.now() - start) / 1000;
  await pool.close();
  latenciesMs.sort((a, b) => a - b);
  const at = (share: number) =>
    latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * share))] ?? 0;
  return { requests: latenciesMs.length, failures, seconds: elapsed, p50Ms: at(0.5), p99Ms: at(0.99) };
}

const order = JSON.parse(process.argv[2] ?? "") as LoadOrder;
console.log(JSON.stringify(await load(order)));
