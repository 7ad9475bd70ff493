// The control of a provider over HTTP, on a port of its own, since the provider's port closes in an outage:
// `POST /<operation>` with a JSON list of arguments. Loopback only, and never for a page in a browser.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createProviderControl, OPERATIONS, type ProviderControl } from "./control.ts";
import type { ProviderHandle } from "./types.ts";

export type ControlServer = { readonly url: string; stop(): Promise<void> };

const HOST = "127.0.0.1";
const MAX_BODY_BYTES = 64 * 1024;
const LOOPBACK_HOSTS = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/;

class ControlError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** @param options `port`: default 0, any free port */
export async function startProviderControl(
  provider: ProviderHandle,
  { port = 0 }: { port?: number } = {},
): Promise<ControlServer> {
  const control = createProviderControl(provider);
  const server = createServer((request, response) => void handle(control, request, response));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, HOST, resolve);
  });
  return {
    url: `http://${HOST}:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function handle(control: ProviderControl, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    requireProgram(request);
    send(response, 200, { result: (await run(control, request)) ?? null });
  } catch (error) {
    const status = error instanceof ControlError ? error.status : 400;
    send(response, status, { error: (error as Error).message });
  }
}

/** A page in a browser of this machine could call loopback (CSRF), or read from it after DNS rebinding. */
function requireProgram({ method, headers }: IncomingMessage): void {
  if (method !== "POST") throw new ControlError(405, `Send POST /<operation>: ${OPERATIONS.join(", ")}.`);
  if (!LOOPBACK_HOSTS.test(headers.host ?? "")) throw new ControlError(421, "The control listens on loopback only.");
  if (headers.origin !== undefined || headers["sec-fetch-site"] !== undefined)
    throw new ControlError(403, "The control does not accept requests of a browser.");
  if (!/^application\/json\b/i.test(headers["content-type"] ?? ""))
    throw new ControlError(415, "Send Content-Type: application/json.");
}

async function run(control: ProviderControl, request: IncomingMessage): Promise<unknown> {
  const name = (request.url ?? "/").slice(1);
  if (name === "issuer") return control.issuer;
  const operation = OPERATIONS.find((each) => each === name);
  if (operation === undefined)
    throw new ControlError(404, `Unknown operation ${name}. Known: issuer, ${OPERATIONS.join(", ")}.`);
  const sent: unknown = JSON.parse((await readBody(request)) || "[]");
  const call = control[operation] as (...args: unknown[]) => Promise<unknown>;
  // One argument may be sent without a list.
  return call(...(Array.isArray(sent) ? (sent as unknown[]) : [sent]));
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new ControlError(413, `At most ${MAX_BODY_BYTES} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
}
