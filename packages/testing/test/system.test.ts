// A system for tests of an API: provider, memory store and gateway, driven by the client without a browser.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestClient } from "../src/client.ts";
import { startTestSystem, type TestSystem } from "../src/system.ts";

/** Responds with the subject and the audience of the access token, and with the body that it received. */
function startApi(): Promise<Server> {
  const server = createServer((request, response) => {
    const token = request.headers.authorization?.replace("Bearer ", "") ?? "";
    const { sub, aud } = token === "" ? {} : decodeJwt(token);
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ sub, aud, method: request.method, body }));
    });
  });
  return new Promise((resolve) => void server.listen(0, "127.0.0.1", () => resolve(server)));
}

let api: Server;
let apiUrl: string;
let system: TestSystem;

beforeAll(async () => {
  api = await startApi();
  apiUrl = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  system = await startTestSystem({
    store: "memory",
    upstreams: ({ issuer, resource }) => {
      expect(issuer).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
      expect(resource).toBe("https://api.example.com");
      return { "/api": apiUrl };
    },
    provider: { resource: "https://api.example.com" },
  });
});
afterAll(async () => {
  await system.stop();
  api.closeAllConnections();
  api.close();
});

test("a client logs in, calls the API with its token and logs out", async () => {
  const user = await system.createUser({ roles: ["buyer"] });
  const client = createTestClient(system);
  expect(await client.user()).toBeNull();
  await client.login(user);
  expect(await client.user()).toMatchObject({ sub: user.sub, roles: ["buyer"] });
  const response = await client.fetch("/api/orders", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ article: 7 }),
  });
  const received = { sub: user.sub, aud: "https://api.example.com", method: "POST", body: '{"article":7}' };
  expect(await response.json()).toEqual(received);
  await client.logout();
  expect((await client.fetch("/api/orders")).status).toBe(401);
});

test("two clients have sessions of their own, and a client can change its user", async () => {
  const [first, second] = [await system.createUser(), await system.createUser()];
  const [client, other] = [createTestClient(system), createTestClient(system)];
  await client.login(first);
  await other.login(second);
  expect(await client.user()).toMatchObject({ sub: first.sub });
  await client.login(second);
  expect(await client.user()).toMatchObject({ sub: second.sub });
});

test("a login with a wrong password is an error with the provider's page", async () => {
  const { username } = await system.createUser();
  await expect(createTestClient(system).login({ username, password: "wrong" })).rejects.toThrow(/is wrong/);
});

test("the recording proxy records what the gateway sends to the client", async () => {
  const client = createTestClient(system);
  await client.login(await system.createUser());
  await client.fetch("/api/recorded?x=y");
  expect(system.exchanges?.at(-1)).toMatchObject({ method: "GET", url: "/api/recorded?x=y", status: 200 });
});
