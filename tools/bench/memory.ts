// Memory of a new process: at rest, per idle event stream, and during transfers of 100 MB in each direction.
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { holdConnections } from "./held-connections.ts";
import type { Contestant, Running } from "./contestant.ts";
import type { Load } from "./load.ts";
import { openFilesLimit, pidsOf, residentBytes, watchGrowth } from "./processes.ts";

export type Transfer = { seconds: number; growthBytes: number };
export type StreamsRow = { restBytes: number; streams: number; bytesPerStream: number };
export type BodiesRow = { down: Transfer; up: Transfer };

const BODY_BYTES = 100_000_000;

type Fresh = { contestant: Contestant; running: Running; headers: Record<string, string>; load: Load };

export async function measureStreams(fresh: Fresh, most: number): Promise<StreamsRow> {
  const { contestant, running, headers } = fresh;
  const pids = pidsOf(running);
  await warmUp(fresh);
  const restBytes = residentBytes(pids);
  // Each stream uses two sockets of the gateway.
  const possible = Math.floor((openFilesLimit() - 200) / 2);
  const count = Math.min(most, possible, contestant.maxStreams ?? Infinity);
  const { "x-csrf": _, ...rest } = headers;
  const held = await holdConnections(running, {
    count,
    path: "/api/events",
    headers: { ...rest, accept: "text/event-stream" },
  });
  await sleep(2_000);
  const bytesPerStream = (residentBytes(pids) - restBytes) / held.open;
  await held.release();
  return { restBytes, streams: held.open, bytesPerStream };
}

/** Warms the process up: first execution and heap growth must not count as memory of the streams. */
async function warmUp({ running: { origin }, headers, load }: Fresh): Promise<void> {
  await load.run({ origin, path: "/api/protected", heads: [headers], connections: 32, seconds: 3 });
}

export async function measureBodies(fresh: Fresh): Promise<BodiesRow> {
  const { running, headers } = fresh;
  const { origin } = running;
  await warmUp(fresh);
  return {
    down: await watched(running, async () => {
      const { body } = await request(`${origin}/api/download?bytes=${BODY_BYTES}`, { headers });
      let bytes = 0;
      for await (const part of body) bytes += (part as Buffer).length;
      if (bytes !== BODY_BYTES) throw new Error(`the download had ${bytes} bytes`);
    }),
    up: await watched(running, async () => {
      const { statusCode, body } = await request(`${origin}/api/upload`, {
        method: "POST",
        headers: { ...headers, "content-type": "application/octet-stream", "content-length": String(BODY_BYTES) },
        body: Readable.from(zeros()),
      });
      await body.dump();
      if (statusCode !== 200) throw new Error(`the upload responded ${statusCode}`);
    }),
  };
}

async function* zeros(): AsyncGenerator<Buffer> {
  const part = Buffer.alloc(100_000);
  for (let sent = 0; sent < BODY_BYTES; sent += part.length) yield part;
}

async function watched(running: Running, run: () => Promise<void>): Promise<Transfer> {
  const growth = watchGrowth(pidsOf(running));
  const start = performance.now();
  await run();
  return { seconds: (performance.now() - start) / 1000, growthBytes: growth() };
}
