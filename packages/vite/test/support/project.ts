// A small app for Vite, an API, and a Vite server with the plugin.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, createServer, type InlineConfig, type ViteDevServer } from "vite";
import { cloakroom, type CloakroomOptions, type CloakroomPluginApi } from "../../src/index.ts";

const INDEX = `<!doctype html>
<html lang="en">
<title>app</title>
<p>user: <span id="user"></span></p>
<p>version: <span id="version"></span></p>
<script type="module" src="/main.js"></script>
</html>
`;
const MAIN = `
import { version } from "./version.js";
const show = (id, text) => (document.getElementById(id).textContent = text);
show("version", version);
import.meta.hot?.accept("./version.js", (next) => show("version", next.version));
const response = await fetch("/bff/user", { headers: { "X-CSRF": "1" } });
show("user", response.ok ? ((await response.json()).user?.name ?? "anonymous") : String(response.status));
`;

export type Project = { root: string; write(name: string, content: string): void; remove(): void };

export function createProject(configuration: string | undefined): Project {
  const root = mkdtempSync(join(tmpdir(), "cloakroom vite "));
  const write = (name: string, content: string) => writeFileSync(join(root, name), content);
  write("index.html", INDEX);
  write("main.js", MAIN);
  write("version.js", 'export const version = "one";\n');
  if (configuration !== undefined) write("cloakroom.yaml", configuration);
  return { root, write, remove: () => rmSync(root, { recursive: true, force: true }) };
}

/** A configuration as the project template has it, with rows for an API. */
export const configurationFor = (apiUrl: string): string => `
origin: \${PUBLIC_ORIGIN:-https://app.example.com}
provider:
  issuer: \${OIDC_ISSUER}
  clientId: \${OIDC_CLIENT_ID}
  clientSecret: \${OIDC_CLIENT_SECRET}
pages: { root: "\${SPA_ROOT:-dist}" }
secretKeys: ["\${SECRET_KEYS}"]
insecureCookies: \${INSECURE_COOKIES:-never}
upstreams:
  - prefix: /api
    baseUrl: ${apiUrl}
    webSocket: true
`;

export type Api = { url: string; received: IncomingMessage[]; stop(): Promise<void> };

/** Responds with 200, and to a WebSocket handshake with the text frame "hello". */
export async function startApi(): Promise<Api> {
  const received: IncomingMessage[] = [];
  const server = createHttpServer((request, response) => {
    received.push(request);
    response.end("hello");
  });
  server.on("upgrade", (request, socket) => {
    const accept = createHash("sha1").update(
      `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`,
    );
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept.digest("base64")}\r\n\r\n`,
    );
    socket.write(Buffer.concat([Buffer.from([0x81, 5]), Buffer.from("hello")]));
    socket.on("error", () => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    async stop() {
      server.close();
      server.closeAllConnections();
      await Promise.resolve();
    },
  };
}

export type DevServer = {
  server: ViteDevServer;
  origin: string;
  plugin: CloakroomPluginApi;
  /** Messages of Vite and of the plugin. */
  messages: string[];
  close(): Promise<void>;
};

export async function startDevServer(
  root: string,
  options: CloakroomOptions = {},
  config: InlineConfig = {},
): Promise<DevServer> {
  const messages: string[] = [];
  const log = (message: string) => void messages.push(message);
  const plugin = cloakroom({ provider: { port: 0 }, ...options });
  const server = await createServer({
    ...{ root, configFile: false, cacheDir: join(root, ".cache") },
    ...config,
    plugins: [plugin],
    server: { port: 0, ...config.server },
    customLogger: { ...createLogger(), info: log, warn: log, error: log },
  });
  await server.listen();
  const { httpServer } = server;
  if (httpServer === null || plugin.api === undefined) throw new Error("Vite has no server, or the plugin no API.");
  const { port } = httpServer.address() as AddressInfo;
  return { server, origin: `http://localhost:${port}`, plugin: plugin.api, messages, close: () => server.close() };
}

/** Whether the process exists. */
export function isRunning(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
