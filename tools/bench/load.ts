// Load generator: one request in flight per connection for a fixed time. Uses wrk if available, otherwise Node.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Missing } from "./contestant.ts";
import { findProgram, needDebianPackage } from "./tools.ts";

export type LoadResult = { requests: number; failures: number; seconds: number; p50Ms: number; p99Ms: number };
export type LoadOrder = {
  origin: string;
  path: string;
  /** Request headers of different users, used in turn. */
  heads: readonly Record<string, string>[];
  connections: number;
  /** Whole seconds. */
  seconds: number;
};
export type Load = { name: string; run: (order: LoadOrder) => Promise<LoadResult> };

const run = promisify(execFile);

export function findLoad(): Load {
  try {
    const wrk = needDebianPackage("wrk", () => findProgram("wrk"));
    return { name: "wrk, one thread", run: (order) => withWrk(wrk, order) };
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    return { name: "undici in a Node process (wrk is not to be had)", run: withNode };
  }
}

async function withNode(order: LoadOrder): Promise<LoadResult> {
  const file = join(import.meta.dirname, "servers/node-load.ts");
  const { stdout } = await run(process.execPath, [file, JSON.stringify(order)], {
    timeout: (order.seconds + 30) * 1000,
  });
  return JSON.parse(stdout) as LoadResult;
}

async function withWrk(wrk: string, order: LoadOrder): Promise<LoadResult> {
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-wrk-"));
  const script = join(folder, "load.lua");
  writeFileSync(script, lua(order), { mode: 0o600 });
  try {
    const { connections, seconds, origin, path } = order;
    const args = ["-t1", `-c${connections}`, `-d${seconds}s`, "-s", script, origin + path];
    const { stdout } = await run(wrk, args, { timeout: (seconds + 30) * 1000 });
    return JSON.parse(stdout.slice(stdout.lastIndexOf("\n{"))) as LoadResult;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Lua script with prepared requests, so that wrk only sends them. */
function lua({ path, heads }: LoadOrder): string {
  const luaTables = heads.map((head) => {
    const fields = Object.entries(head).map(([name, value]) => `[${JSON.stringify(name)}] = ${JSON.stringify(value)}`);
    return `{ ${fields.join(", ")} }`;
  });
  return `
local heads = { ${luaTables.join(", ")} }
local requests = {}
local last = 0
init = function()
  for i, head in ipairs(heads) do
    head["Host"] = wrk.headers["Host"]
    requests[i] = wrk.format("GET", ${JSON.stringify(path)}, head)
  end
end
request = function()
  last = last % #requests + 1
  return requests[last]
end
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('\\n{"requests":%d,"failures":%d,"seconds":%f,"p50Ms":%f,"p99Ms":%f}',
    summary.requests, e.connect + e.read + e.write + e.status + e.timeout, summary.duration / 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
`;
}
