// An API with every mistake that brings a token to a browser: it sends the access token that it received, in the way that the
// path names. For tests of the leak search.
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { WebSocketServer } from "ws";

export type LeakingApi = { readonly url: string; stop(): Promise<void> };

type SendToken = (response: ServerResponse, token: string) => void;

const json = (value: (token: string) => unknown): SendToken => {
  return (response, token) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(value(token)));
  };
};

const events = (lines: (token: string) => readonly string[]): SendToken => {
  return (response, token) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const line of lines(token)) response.write(line);
    response.end();
  };
};

const base64 = (text: string): string => Buffer.from(text).toString("base64");

const WAYS: Readonly<Record<string, SendToken>> = {
  clean: json(() => ({ message: "nothing secret" })),
  body: json((token) => ({ debug: { token } })),
  signature: json((token) => ({ signature: token.split(".")[2] })),
  truncated: json((token) => ({ token: `${token.slice(-60)}` })),
  base64: json((token) => ({ session: base64(JSON.stringify({ token })) })),
  "base64-1": json((token) => ({ session: base64(`x${token}`) })),
  "base64-2": json((token) => ({ session: base64(`xy${token}`) })),
  hex: json((token) => ({ token: Buffer.from(token).toString("hex") })),
  escaped(response, token) {
    const text = Array.from(token, (each) => `\\u00${each.charCodeAt(0).toString(16)}`).join("");
    response.writeHead(200, { "content-type": "application/json" });
    response.end(`{"token":"${text}"}`);
  },
  percent: json((token) => ({ next: Array.from(token, (each) => `%${each.charCodeAt(0).toString(16)}`).join("") })),
  pieces: json((token) => ({ pieces: token.match(/.{1,12}/g) })),
  header(response, token) {
    response.writeHead(200, { "content-type": "application/json", "x-debug-token": token });
    response.end("{}");
  },
  redirect(response, token) {
    response.writeHead(302, { location: `/api/clean?access_token=${token}` });
    response.end();
  },
  stream: events((token) => (token.match(/.{1,20}/g) ?? []).map((piece) => `data: ${piece}\n\n`)),
};

export async function startLeakingApi(): Promise<LeakingApi> {
  const server = createServer((request, response) => {
    const way = new URL(request.url ?? "/", "http://api").pathname.split("/").at(-1) ?? "";
    (WAYS[way] ?? WAYS["clean"])?.(response, tokenOf(request.headers.authorization));
  });
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket, request) => {
    for (const piece of tokenOf(request.headers.authorization).match(/.{1,16}/g) ?? []) socket.send(piece);
  });
  const connections = new Set<Socket>();
  server.on("connection", (connection) => {
    connections.add(connection);
    connection.once("close", () => connections.delete(connection));
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const connection of connections) connection.destroy();
      }),
  };
}

const tokenOf = (authorization: string | undefined): string => authorization?.replace(/^Bearer /, "") ?? "";
