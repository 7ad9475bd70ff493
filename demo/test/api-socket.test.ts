import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { findUser, startApiSystem, type ApiSystem } from "./api-system.ts";

let system: ApiSystem;
let alice: string;

beforeAll(async () => {
  system = await startApiSystem();
  alice = await system.token(findUser(system.provider, "alice"));
});
afterAll(() => system.stop());

const open = (path: string, token?: string) =>
  new WebSocket(`${system.api.url.replace("http", "ws")}${path}`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });

test("the WebSocket echoes text with the user's name and binary messages unchanged", async () => {
  const socket = open("/socket", alice);
  await once(socket, "open");
  socket.send("hello");
  expect(String((await once(socket, "message"))[0])).toBe("alice: hello");
  socket.send(Buffer.from([0, 255]));
  expect((await once(socket, "message"))[0]).toEqual(Buffer.from([0, 255]));
  socket.close();
});

test.each([
  ["without a token", "/socket", () => undefined, 401],
  ["with a malformed token", "/socket", () => "x.y.z", 401],
  ["on an unknown path", "/nowhere", () => alice, 404],
  ["on a path without WebSocket", "/protected?message=a", () => alice, 200],
])("a handshake %s gets the response of a plain request", async (_name, path, token, status) => {
  const [, response] = (await once(open(path, token()), "unexpected-response")) as [unknown, { statusCode: number }];
  expect(response.statusCode).toBe(status);
});

test("down() closes open WebSockets", async () => {
  const socket = open("/socket", alice);
  await once(socket, "open");
  const closed = once(socket, "close");
  await system.api.down();
  expect((await closed)[0]).toBe(1006);
  await system.api.up();
});
