// All of undici's clients have one shape, whatever their first request is. When this fails after an update of undici,
// it names its properties in another way: nothing breaks, but every request costs more (see docs/development/performance.md).
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

it("has all of its properties from the beginning", async () => {
  const [first, second] = [shaped(clientTo()), shaped(clientTo())];
  const shape = Reflect.ownKeys(first);
  await get(first);
  await post(second);
  for (const client of [first, second]) expect(Reflect.ownKeys(client)).toEqual(shape);
  await Promise.all([first.close(), second.close()]);
});
