// A host in a process of its own: two gateways serve requests and are closed; then the process must end by itself. Prints
// one line of JSON.
import { once } from "node:events";
import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { createGateway } from "../../src/library.ts";

const signals = ["SIGTERM", "SIGINT", "SIGHUP", "uncaughtException", "unhandledRejection", "exit"];
const listenersBefore = signals.map((name) => process.listenerCount(name));

async function serveOnce(origin: string, redis: { url: string } | undefined): Promise<number> {
  const gateway = await createGateway({
    config: {
      origin,
      provider: {
        issuer: process.env["ISSUER"] ?? "",
        clientId: "cloakroom-test",
        clientSecret: "a-client-secret-for-tests",
      },
      secretKeys: Buffer.from("0123456789abcdef0123456789ABCDEF").toString("base64url"),
      drainSeconds: 1,
      redis,
      session: { cacheSeconds: redis === undefined ? 0 : 5 },
    },
  });
  const server = gateway.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const headers = { host: new URL(origin).host, "x-csrf": "1", "sec-fetch-site": "same-origin" };
  const sent = request({ port, path: "/bff/user", headers, agent: false }).end();
  const [response] = (await once(sent, "response")) as [NodeJS.ReadableStream & { statusCode: number }];
  response.resume();
  await once(response, "end");
  await gateway.readiness();
  await gateway.metrics();
  await gateway.close();
  server.close();
  server.closeAllConnections();
  return response.statusCode;
}

const statuses = [
  await serveOnce("http://localhost:1", undefined),
  await serveOnce("http://localhost:2", { url: process.env["REDIS"] ?? "" }),
];
const added = signals.filter((name, at) => process.listenerCount(name) > (listenersBefore[at] ?? 0));
process.stdout.write(`${JSON.stringify({ statuses, added })}\n`);
