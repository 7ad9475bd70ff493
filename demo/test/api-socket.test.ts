import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { knownUser, startHarness, type Harness } from "./api-harness.ts";

let harness: Harness;
let alice: string;

beforeAll(async () => {
  harness = await startHarness();
  alice = await harness.token(knownUser(harness.provider, "alice"));
});
afterAll(() => harness.stop());

const open = (path: string, token?: string) =>
  new WebSocket(`${harness.api.url.replace("http", "ws")}${path}`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });

test("repeats text with the speaker's name, and bytes as they are", async () => {
  const socket = open("/socket", alice);
  await once(socket, "open");
  socket.send("hello");
  expect(String((await once(socket, "message"))[0])).toBe("alice: hello");
  socket.send(Buffer.from([0, 255]));
  expect((await once(socket, "message"))[0]).toEqual(Buffer.from([0, 255]));
  socket.close();
});

test.each([
  ["no token", "/socket", () => undefined, 401],
  ["a token that is none", "/socket", () => "x.y.z", 401],
  ["another path", "/nowhere", () => alice, 404],
  ["a path that is no WebSocket", "/protected?message=a", () => alice, 200],
])("a handshake with %s is answered as any request is", async (_name, path, token, status) => {
  const [, response] = (await once(open(path, token()), "unexpected-response")) as [unknown, { statusCode: number }];
  expect(response.statusCode).toBe(status);
});

test("going away closes open WebSockets", async () => {
  const socket = open("/socket", alice);
  await once(socket, "open");
  const closed = once(socket, "close");
  await harness.api.down();
  expect((await closed)[0]).toBe(1006);
  await harness.api.up();
});
