// Overload: p99 of normal traffic beside clients that do not read, silent sockets and incomplete uploads.
import { holdConnections, type Held } from "./held-connections.ts";
import type { Load } from "./load.ts";
import { openFilesLimit, pidsOf, residentBytes } from "./processes.ts";
import { measureOnce, type Measured, type Row } from "./rounds.ts";
import type { BenchEnvironment } from "./contestant.ts";

export type OverloadRow = { name: string; row: Row; residentBytes: number };

type OverloadOptions = Pick<Measured, "running" | "heads"> & {
  environment: BenchEnvironment;
  load: Load;
  seconds: number;
};

export async function measureOverload({
  running,
  heads,
  environment,
  load,
  seconds,
}: OverloadOptions): Promise<OverloadRow[]> {
  const pids = pidsOf(running);
  const rows: OverloadRow[] = [];
  const measure = async (name: string): Promise<void> => {
    const row = await measureOnce({ running, heads }, environment, load, { connections: 32, seconds });
    rows.push({ name, row, residentBytes: residentBytes(pids) });
  };
  const during = async (name: (held: Held) => string, held: Held): Promise<void> => {
    await measure(name(held));
    await held.release();
  };
  await measureOnce({ running, heads }, environment, load, { connections: 32, seconds });
  await measure("nothing else");
  const idle = { count: Math.min(10_000, openFilesLimit() - 1_000) };
  await during(({ open }) => `${open} connections that send nothing`, await holdConnections(running, idle));
  const { "x-csrf": csrf = "1", ...head } = heads[0] ?? {};
  const slow = {
    count: 2_000,
    path: "/api/download?bytes=10000000",
    headers: { ...head, "x-csrf": csrf },
    isReading: false,
  };
  await during(({ open }) => `${open} downloads of 10 MB that no client reads`, await holdConnections(running, slow));
  const unfinished = { count: 2_000, path: "/api/upload", headers: slow.headers, contentLength: 1_000_000 };
  await during(
    ({ open }) => `${open} uploads of 1 MB that stop after one byte`,
    await holdConnections(running, unfinished),
  );
  await measure("nothing else, afterwards");
  return rows;
}
