// A web server that is not ours: an attacker's page, and a place that stolen data would be sent to.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export type ForeignSite = {
  /** Another site than the gateway's, as browsers see it. */
  readonly crossSite: string;
  /** The gateway's own site, but another origin: a sibling that was taken over. */
  readonly sameSite: string;
  /** Paths that were asked for. */
  readonly received: readonly string[];
  stop: () => Promise<void>;
};

export async function startForeignSite(): Promise<ForeignSite> {
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
