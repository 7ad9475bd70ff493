// A server on another loopback origin that stands in for a font service and for the ingest service of an error reporter.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export type StandIn = {
  origin: string;
  /** `METHOD /path` of each request. */
  received: string[];
  stop: () => void;
};

/** The font is none that a browser can show: the tests look at the requests. */
export async function startStandIn(): Promise<StandIn> {
  const received: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url?.split("?")[0] ?? "";
    received.push(`${request.method} ${path}`);
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Access-Control-Allow-Headers", "*");
    if (path === "/css2")
      response
        .setHeader("Content-Type", "text/css")
        .end('@font-face{font-family:"Stand In";src:url("/font.woff2") format("woff2")}');
    else if (path === "/font.woff2") response.setHeader("Content-Type", "font/woff2").end("wOF2");
    else request.resume().once("end", () => response.setHeader("Content-Type", "application/json").end("{}"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
