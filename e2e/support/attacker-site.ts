// An attacker's web server: one page for any path, and a record of the paths that were requested.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export type AttackerSite = {
  /** An origin on another site than the gateway's. */
  readonly crossSite: string;
  /** Another origin on the gateway's site, e.g. a compromised sibling. */
  readonly sameSite: string;
  /** Paths of all requests, in order. */
  readonly received: readonly string[];
  stop: () => Promise<void>;
};

export async function startAttackerSite(): Promise<AttackerSite> {
  const received: string[] = [];
  const server = createServer((req, res) => {
    received.push(req.url ?? "");
    res.writeHead(200, { "content-type": "text/html; charset=utf-8" });
    res.end("<!doctype html><title>A foreign page</title><body><h1>Win a prize</h1></body>");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    crossSite: `http://127.0.0.1:${port}`,
    sameSite: `http://localhost:${port}`,
    received,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
