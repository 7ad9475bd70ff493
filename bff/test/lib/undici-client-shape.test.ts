// All undici clients have the same properties from construction on. If this fails after an update of undici, its internal
// names have changed: requests work, at a higher CPU cost (docs/development/performance.md).
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { Client } from "undici";
import { afterAll, beforeAll, expect, it } from "vitest";
import { shaped } from "../../src/lib/undici-client-shape.ts";

const server = createServer((request, response) => request.resume().on("end", () => response.end("{}")));
beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => server.close());

const clientTo = () => new Client(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);

async function get(client: Client): Promise<void> {
  await (await client.request({ path: "/", method: "GET" })).body.dump();
}

async function post(client: Client): Promise<void> {
  const body = Readable.from(["text"]);
  await (await client.request({ path: "/", method: "POST", body })).body.dump();
}

it("a client gets no further properties after construction", async () => {
  const [first, second] = [shaped(clientTo()), shaped(clientTo())];
  const shape = Reflect.ownKeys(first);
  await get(first);
  await post(second);
  for (const client of [first, second]) expect(Reflect.ownKeys(client)).toEqual(shape);
  await Promise.all([first.close(), second.close()]);
});
