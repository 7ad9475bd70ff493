// Certificates of the run's own authority, HTTPS servers, and what one of them forwards.
import { request, type RequestListener } from "node:http";
import { createServer } from "node:https";
import { testAuthority, type TestAuthority } from "../../../bff/test/support/certificates.ts";

export const newAuthority = (): TestAuthority => testAuthority("CA of the engine tests");

export type HttpsServer = { stop: () => Promise<void> };

type Options = { authority: TestAuthority; host: string; port: number };

export async function startHttps({ authority, host, port }: Options, handler: RequestListener): Promise<HttpsServer> {
  const server = createServer(authority.issue(host), handler);
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

/** To a plain-HTTP server on this machine, as a TLS proxy forwards. */
export function forwardTo(port: number): RequestListener {
  return (req, res) => {
    const headers = [...req.rawHeaders, "X-Forwarded-Proto", "https"];
    const target = { host: "127.0.0.1", port, method: req.method, path: req.url, headers, agent: false };
    const onward = request(target, (response) => {
      res.writeHead(response.statusCode ?? 502, response.rawHeaders);
      response.pipe(res);
    });
    onward.on("error", () => res.destroy());
    res.on("close", () => onward.destroy());
    req.pipe(onward);
  };
}
