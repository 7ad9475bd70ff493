// The servers that a gateway is mounted in, each with the lines of docs/guides/mount-in-your-server.md, an own route that
// uses session(), and a page.
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import express from "express";
import Fastify from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import { freePort } from "@cloakroom/testing/free-port.ts";
import {
  createGateway,
  rejectionResponse,
  sendRejection,
  type Anonymous,
  type Configuration,
  type Gateway,
  type LogEntry,
  type SessionRequirements,
  type SessionResult,
} from "../../src/library.ts";

export const PAGE = "<!doctype html><title>page of the host</title>";

type Requirements = SessionRequirements & { access?: "session" };

/** Own routes by path. The path `/own/token` also gets an access token. */
export const OWN_ROUTES: Readonly<Record<string, Requirements>> = {
  "/own/me": {},
  "/own/token": {},
  "/own/admin": { requiredRoles: ["admin"] },
  "/own/scope": { requiredScopes: ["unheard-of"] },
  "/own/acr": { requiredAcr: ["gold"] },
  "/own/fresh": { maxAuthenticationAgeSeconds: 1 },
  "/own/page": { csrf: "same-origin" },
  "/own/image": { csrf: "fetch-metadata" },
};

/** What an own route responds with a session. */
async function viewOf(path: string, result: Extract<SessionResult, { kind: "session" }>) {
  const { user, roles, session } = result;
  const token = path === "/own/token" ? await result.accessToken() : undefined;
  return { sub: user["sub"], roles, session, token };
}

type Start = (gateway: Gateway) => Promise<Server> | Server;

async function respond(gateway: Gateway, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? "").split("?", 1)[0] ?? "";
  const requirements = OWN_ROUTES[path];
  if (requirements === undefined) {
    response.writeHead(path.startsWith("/missing") ? 404 : 200, { "content-type": "text/html" }).end(PAGE);
    return;
  }
  const result = await gateway.session(request, requirements);
  if (result.kind !== "session") return sendRejection(response, result);
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(await viewOf(path, result)));
}

export const HOSTS: Readonly<Record<string, Start>> = {
  "node:http": (gateway) => gateway.createServer((request, response) => void respond(gateway, request, response)),

  "node:http with handler": (gateway) => {
    const server = createServer({ headersTimeout: 15_000, requestTimeout: 0 }, (request, response) => {
      if (!gateway.handler(request, response)) void respond(gateway, request, response);
    });
    gateway.attach(server);
    return server;
  },

  Express: (gateway) => {
    const app = express();
    app.use(gateway.handler);
    app.use(express.json());
    app.get(Object.keys(OWN_ROUTES), async (request, response) => {
      const result = await gateway.session(request, OWN_ROUTES[request.path]);
      if (result.kind !== "session") return sendRejection(response, result);
      return void response.json(await viewOf(request.path, result));
    });
    app.use((request, response) => void response.status(request.path.startsWith("/missing") ? 404 : 200).send(PAGE));
    return gateway.createServer(app);
  },

  Fastify: async (gateway) => {
    const app = Fastify({ serverFactory: (handler) => gateway.createServer(handler) });
    for (const path of Object.keys(OWN_ROUTES))
      app.get(path, async (request, reply) => {
        const result = await gateway.session(request.raw, OWN_ROUTES[path]);
        if (result.kind !== "session") return reply.code(result.status).headers(result.headers).send(result.body);
        return viewOf(path, result);
      });
    app.setNotFoundHandler((request, reply) => {
      void reply
        .code(request.url.startsWith("/missing") ? 404 : 200)
        .type("text/html")
        .send(PAGE);
    });
    await app.ready();
    return app.server;
  },

  Hono: (gateway) => {
    const app = new Hono<{ Bindings: HttpBindings }>();
    for (const path of Object.keys(OWN_ROUTES))
      app.get(path, async (context) => {
        const result = await gateway.session(context.env.incoming, OWN_ROUTES[path]);
        if (result.kind !== "session") return rejectionResponse(result);
        return context.json(await viewOf(path, result));
      });
    app.all("*", (context) => context.html(PAGE, context.req.path.startsWith("/missing") ? 404 : 200));
    return gateway.createServer(getRequestListener(app.fetch));
  },

  Koa: (gateway) => {
    const app = new Koa();
    app.use(async (context) => {
      const requirements = OWN_ROUTES[context.path];
      if (requirements === undefined) {
        context.status = context.path.startsWith("/missing") ? 404 : 200;
        context.body = PAGE;
        return;
      }
      const result = await gateway.session(context.req, requirements);
      if (result.kind === "session") context.body = await viewOf(context.path, result);
      else {
        context.status = result.status;
        context.set({ ...result.headers });
        context.body = result.body;
      }
    });
    return gateway.createServer(app.callback());
  },
};

export type MountedHost = {
  origin: string;
  port: number;
  host: string;
  gateway: Gateway;
  server: Server;
  log: LogEntry[];
  stop(): Promise<void>;
};

type Options = {
  configuration: (origin: string) => Configuration;
  start: Start;
};

export async function startHost({ configuration, start }: Options): Promise<MountedHost> {
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  const log: LogEntry[] = [];
  const gateway = await createGateway({ config: configuration(origin), log: (entry) => void log.push(entry) });
  const server = await start(gateway);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const { port: bound } = server.address() as AddressInfo;
  return {
    ...{ origin, port: bound, host: `localhost:${bound}`, gateway, server, log },
    async stop() {
      await gateway.close();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

export const isAnonymous = (result: SessionResult | Anonymous): boolean => result.kind === "anonymous";

/** The client of a test provider. */
export function testConfiguration(
  origin: string,
  provider: { issuer: string; clientId: string; clientSecret: string },
  more: Partial<Configuration> = {},
): Configuration {
  const { issuer, clientId, clientSecret } = provider;
  return {
    origin,
    provider: { issuer, clientId, clientSecret, timeoutSeconds: 3 },
    secretKeys: Buffer.from("0123456789abcdef0123456789ABCDEF").toString("base64url"),
    log: { level: "debug" },
    drainSeconds: 1,
    ...more,
  };
}
