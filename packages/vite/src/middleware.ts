// Connect middleware and upgrade listener of Vite's server: the gateway's paths go to the gateway, all others to Vite.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { sendFault } from "./fault-response.ts";
import { forwardRequest, forwardUpgrade, type AnyRequest } from "./forward.ts";
import { canonicalUrl, isGatewayPath } from "./gateway-paths.ts";
import type { Runtime } from "./runtime.ts";

type Next = (error?: unknown) => void;
type FindRuntime = () => Runtime | undefined;

const PREFIXES_WITHOUT_ROWS = ["/bff"];
const REASON_IS_LOGGED = "The gateway does not run. The log of Vite contains the reason.";
const UNAVAILABLE = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

export function createMiddleware(runtime: FindRuntime, origin: () => string | undefined) {
  return function cloakroomMiddleware(request: IncomingMessage, response: ServerResponse, next: Next): void {
    void respond(request, response, next);
  };

  async function respond(request: IncomingMessage, response: ServerResponse, next: Next): Promise<void> {
    try {
      if (!(await handle(request, response))) next();
    } catch (error) {
      next(error);
    }
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const publicOrigin = origin();
    const location = publicOrigin && canonicalUrl(request.url ?? "/", request.headers, publicOrigin);
    if (location !== undefined && location !== "") {
      response.writeHead(302, { Location: location, "Cache-Control": "no-store" }).end();
      return true;
    }
    const current = runtime();
    if (current === undefined || !(await belongsToGateway(request, current))) return false;
    const target = await current.target();
    if (target.kind === "running")
      forwardRequest(request, response, {
        port: target.port,
        onError: (error) => sendFault(request, response, `The gateway does not respond: ${error.message}.`),
      });
    else sendFault(request, response, isOfOrigin(request, publicOrigin) ? target.sentence : REASON_IS_LOGGED);
    return true;
  }
}

/**
 * Runs before Vite compares the Host with `server.allowedHosts`: a page of another name for this address (DNS rebinding) must
 * not read the output of the gateway.
 */
function isOfOrigin({ headers }: IncomingMessage, publicOrigin: string | undefined): boolean {
  return publicOrigin !== undefined && (headers.host ?? headers[":authority"]) === new URL(publicOrigin).host;
}

export function createUpgradeHandler(runtime: FindRuntime) {
  return function cloakroomUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const current = runtime();
    const prefixes = current?.prefixes() ?? PREFIXES_WITHOUT_ROWS;
    // Vite's own connection, for example.
    if (current === undefined || !isGatewayPath(request.url ?? "/", prefixes)) return;
    socket.on("error", () => socket.destroy());
    void current.target().then((target) => {
      if (target.kind === "running") forwardUpgrade(request, socket, head, target.port);
      else socket.end(UNAVAILABLE);
    });
  };
}

/** Until the first start the rows are unknown. A request of the page's code waits for them; its files do not. */
async function belongsToGateway(request: AnyRequest, runtime: Runtime): Promise<boolean> {
  const url = request.url ?? "/";
  if (isGatewayPath(url, runtime.prefixes() ?? PREFIXES_WITHOUT_ROWS)) return true;
  const destination = request.headers["sec-fetch-dest"] ?? "empty";
  if (runtime.prefixes() !== undefined || destination !== "empty") return false;
  await runtime.target();
  return isGatewayPath(url, runtime.prefixes() ?? PREFIXES_WITHOUT_ROWS);
}
