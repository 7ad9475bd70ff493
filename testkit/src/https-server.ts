// HTTPS servers on loopback, and a request listener that makes one a TLS-terminating reverse proxy.
import { request, type RequestListener } from "node:http";
import { createServer } from "node:https";
import type { TestCertificate } from "./certificates.ts";

export type HttpsServer = { stop: () => Promise<void> };

type Options = { certificate: TestCertificate; port: number };

export async function startHttps({ certificate, port }: Options, handler: RequestListener): Promise<HttpsServer> {
  const server = createServer(certificate, handler);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A request listener that forwards to a plain-HTTP port on loopback, as a TLS-terminating proxy. */
export function forwardTo(port: number): RequestListener {
  return (req, res) => {
    const headers = [...req.rawHeaders, "X-Forwarded-Proto", "https"];
    const target = { host: "127.0.0.1", port, method: req.method, path: req.url, headers, agent: false };
    const upstream = request(target, (response) => {
      res.writeHead(response.statusCode ?? 502, response.rawHeaders);
      response.pipe(res);
    });
    upstream.on("error", () => res.destroy());
    res.on("close", () => upstream.destroy());
    req.pipe(upstream);
  };
}
