// The code of docs/guides/mount-in-your-server.md, executed as it is written there, with another port.
import { once } from "node:events";
import type { Server } from "node:http";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getRequestListener } from "@hono/node-server";
import express from "express";
import Fastify from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import { createServer as createServerOfVite, type InlineConfig, type ViteDevServer } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { testBrowser } from "@cloakroom/testkit/browser.ts";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { freePort } from "@cloakroom/testing/free-port.ts";
import { loadMountedConfig } from "../../src/config/config.ts";
import { createGateway, sendRejection, type Configuration, type Gateway } from "../../src/library.ts";
import { testConfiguration } from "./hosts.ts";

const guide = readFileSync(join(import.meta.dirname, "../../../docs/guides/mount-in-your-server.md"), "utf8");

/** The code blocks below a heading. */
function blocksBelow(heading: string): string {
  const [, section = ""] = guide.split(new RegExp(`^#+ ${heading}$`, "m"));
  const [text = ""] = section.split(/^## |^### /m);
  return [...text.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code = ""]) => code).join("");
}

const codeBelow = (heading: string): string => blocksBelow(heading).replaceAll(/^import .*\n/gm, "");

type Names = Readonly<Record<string, unknown>>;
const LIBRARIES: Names = { express, Fastify, Hono, Koa, getRequestListener, sendRejection };

/** @returns the value of the expression `result` after the code */
async function run(code: string, names: Names, result: string): Promise<unknown> {
  const all = { ...LIBRARIES, ...names };
  // oxlint-disable-next-line typescript/no-implied-eval -- the guide's code
  const execute = new Function(...Object.keys(all), `return (async () => { ${code}\n return ${result}; })()`) as (
    ...values: unknown[]
  ) => Promise<unknown>;
  return execute(...Object.values(all));
}

let provider: HostileProvider;
beforeAll(async () => {
  provider = await startHostileProvider();
});
afterAll(() => provider.stop());

it("the configuration of the guide is valid", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cloakroom-guide-"));
  mkdirSync(join(folder, "secrets"));
  writeFileSync(join(folder, "secrets/client-secret"), "a-client-secret-for-tests");
  writeFileSync(
    join(folder, "secrets/session-keys"),
    Buffer.from("0123456789abcdef0123456789ABCDEF").toString("base64url"),
  );
  const create = ({ config }: { config: Configuration }) =>
    Promise.resolve(loadMountedConfig({ kind: "object", value: config, folder, env: {} }));
  const loaded = await run(codeBelow("Create the gateway"), { createGateway: create }, "gateway");
  expect(loaded).toMatchObject({ applications: [{ publicOrigin: "http://localhost:3000" }] });
});

/** Vite with an empty project, as the code of the guide creates it. */
async function createViteServer(options: InlineConfig): Promise<ViteDevServer> {
  const root = mkdtempSync(join(tmpdir(), "cloakroom-guide-"));
  writeFileSync(join(root, "index.html"), "<title>A page of Vite</title>");
  const vite = await createServerOfVite({ ...options, root, configFile: false, logLevel: "silent" });
  closeVite = () => vite.close();
  return vite;
}
let closeVite: () => Promise<void> = () => Promise.resolve();

describe.each<[heading: string, names: () => Names, page: number, webSocket?: string]>([
  ["node:http", () => ({}), 200],
  ["Express", () => ({}), 404],
  ["Fastify", () => ({}), 404],
  ["Hono", () => ({}), 404],
  ["Koa", () => ({}), 404],
  ["Vite in middleware mode", () => ({ createViteServer }), 200, "vite-ping"],
  ["A server that exists already", () => ({ app: express() }), 404],
])("the code below '%s'", (heading, names, page, webSocket) => {
  let gateway: Gateway;
  const servers: Server[] = [];
  const warnings: string[] = [];
  afterAll(async () => {
    await closeVite();
    await gateway.close();
    for (const server of servers) server.closeAllConnections();
    for (const server of servers) server.close();
  });

  it("mounts the gateway in at most five lines", async () => {
    const port = await freePort();
    const origin = `http://localhost:${port}`;
    gateway = await createGateway({
      config: testConfiguration(origin, provider),
      log: ({ level, reason }) => void (level === "warn" && typeof reason === "string" && warnings.push(reason)),
    });
    const createServer: Gateway["createServer"] = (host) => {
      const server = gateway.createServer(host);
      servers.push(server);
      return server;
    };
    const code = codeBelow(heading).replaceAll("3000", String(port));
    const lines = code.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("//"));
    expect(lines.length).toBeLessThanOrEqual(5);
    await run(code, { gateway: { ...gateway, createServer }, ...names() }, "undefined");
    expect(warnings).toEqual([]);
    await expect
      .poll(() =>
        fetch(`http://127.0.0.1:${port}/`).then(
          ({ status }) => status,
          () => 0,
        ),
      )
      .toBe(page);
    const browser = testBrowser(origin);
    await browser.login();
    expect(await (await browser.fetch("/bff/user")).json()).toMatchObject({ user: { sub: "alice" } });
    if (webSocket === undefined) return;
    const socket = new WebSocket(origin.replace("http", "ws"), webSocket);
    await once(socket, "open");
    socket.terminate();
  });
});

it.each(["node:http", "Express", "Fastify", "Hono", "Koa", "Your own routes"])(
  "the code below '%s' imports what it uses",
  (heading) => {
    const code = blocksBelow(heading);
    const imports = [...code.matchAll(/^import .*$/gm)].join("\n");
    const used = Object.keys(LIBRARIES).filter((name) => new RegExp(`\\b${name}\\(`).test(code));
    for (const name of used) expect(imports).toMatch(new RegExp(`\\b${name}\\b`));
  },
);

it("the own route of the guide gets user, permission and token, and sends rejections", async () => {
  const port = await freePort();
  const gateway = await createGateway({ config: testConfiguration(`http://localhost:${port}`, provider) });
  const app = express();
  const calls: unknown[] = [];
  const fetchOrders = (url: string, { headers }: { headers: Record<string, string> }) => {
    calls.push([url, headers["Authorization"]?.split(" ", 1)[0]]);
    return Promise.resolve({ json: () => Promise.resolve(["an order"]) });
  };
  await run(codeBelow("Your own routes"), { app, gateway, fetch: fetchOrders }, "undefined");
  const server = gateway.createServer(app).listen(port, "127.0.0.1");
  await once(server, "listening");
  const browser = testBrowser(`http://localhost:${port}`);
  expect((await browser.fetch("/own/orders")).status).toBe(401);
  await browser.login();
  expect((await browser.fetch("/own/orders")).status).toBe(403);
  provider.overrides = { claims: (claims) => ({ ...claims, roles: ["clerk"] }) };
  await browser.login();
  expect(await (await browser.fetch("/own/orders")).json()).toEqual(["an order"]);
  expect(calls).toEqual([["https://orders.example.com/", "Bearer"]]);
  await gateway.close();
  server.closeAllConnections();
  server.close();
});
