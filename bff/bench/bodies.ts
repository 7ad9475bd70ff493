// 100 MB each way through the gateway: what it costs in memory.
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import type { Contestant } from "./contestant.ts";

export type BodyRow = { name: string; seconds: number; beforeMb: number; peakMb: number };

const BYTES = 100_000_000;

export async function bodyTable(gateway: Contestant, headers: Record<string, string>): Promise<BodyRow[]> {
  const { origin } = gateway;
  return [
    await watched(gateway, "100 MB down", async () => {
      const { body } = await request(`${origin}/api/download?bytes=${BYTES}`, { headers });
      let bytes = 0;
      for await (const part of body) bytes += (part as Buffer).length;
      if (bytes !== BYTES) throw new Error(`the download had ${bytes} bytes`);
    }),
    await watched(gateway, "100 MB up", async () => {
      const { statusCode, body } = await request(`${origin}/api/upload`, {
        method: "POST",
        headers: { ...headers, "content-type": "application/octet-stream" },
        body: Readable.from(zeros()),
      });
      await body.dump();
      if (statusCode !== 200) throw new Error(`the upload answered ${statusCode}`);
    }),
  ];
}

async function* zeros(): AsyncGenerator<Buffer> {
  const part = Buffer.alloc(100_000);
  for (let sent = 0; sent < BYTES; sent += part.length) yield part;
}

async function watched(gateway: Contestant, name: string, run: () => Promise<void>): Promise<BodyRow> {
  const before = await gateway.usage();
  let peakBytes = before.rssBytes;
  let isRunning = true;
  const sampling = (async () => {
    while (isRunning) {
      peakBytes = Math.max(peakBytes, (await gateway.usage()).rssBytes);
      await sleep(20);
    }
  })();
  const start = performance.now();
  await run();
  const seconds = (performance.now() - start) / 1000;
  isRunning = false;
  // Otherwise its last question would get the next one's answer.
  await sampling;
  return { name, seconds, beforeMb: before.rssBytes / 1e6, peakMb: peakBytes / 1e6 };
}
