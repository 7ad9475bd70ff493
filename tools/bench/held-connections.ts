// Holds many connections open in a separate process (servers/connections.ts).
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Running } from "./contestant.ts";

export type Held = {
  /** Number of connections that the server accepted. */
  open: number;
  release: () => Promise<void>;
};

type ConnectionOptions = {
  count: number;
  /** Absent: sockets that send nothing. */
  path?: string;
  headers?: Record<string, string>;
  isReading?: boolean;
  /** Content-Length of a body of which one byte is sent. The response is not awaited. */
  contentLength?: number;
};

export async function holdConnections({ origin }: Running, options: ConnectionOptions): Promise<Held> {
  const { count, path, headers = {}, isReading = true, contentLength } = options;
  const { port, host } = new URL(origin);
  const length = contentLength === undefined ? {} : { "content-length": String(contentLength) };
  const lines = Object.entries({ host, ...headers, ...length }).map(([name, value]) => `${name}: ${value}\r\n`);
  const [method, firstByte] = contentLength === undefined ? ["GET", ""] : ["POST", "x"];
  const requestText = path === undefined ? "" : `${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${firstByte}`;
  const settings = JSON.stringify({
    port: Number(port),
    requestText,
    count,
    isReading,
    awaitsResponse: firstByte === "",
  });
  const file = join(import.meta.dirname, "servers/connections.ts");
  const child = spawn(process.execPath, [file, settings], { stdio: ["pipe", "pipe", "inherit"] });
  const gone = once(child, "exit");
  for await (const line of createInterface(child.stdout)) {
    const open = Number(/^open (\d+)$/.exec(line)?.[1]);
    return {
      open,
      release: async () => {
        child.stdin.end();
        await gone;
      },
    };
  }
  throw new Error("the connections could not be opened");
}
