// Many connections held open by a process of their own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Running } from "./contestant.ts";

export type Held = {
  /** How many of them the server took. */
  open: number;
  release: () => Promise<void>;
};

type Wanted = {
  count: number;
  /** Absent: sockets that never say a word. */
  path?: string;
  headers?: Record<string, string>;
  isReading?: boolean;
  /** Of a body of so many bytes one is sent, and no answer is waited for. */
  announcedBytes?: number;
};

export async function holdConnections({ origin }: Running, wanted: Wanted): Promise<Held> {
  const { count, path, headers = {}, isReading = true, announcedBytes } = wanted;
  const { port, host } = new URL(origin);
  const length = announcedBytes === undefined ? {} : { "content-length": String(announcedBytes) };
  const lines = Object.entries({ host, ...headers, ...length }).map(([name, value]) => `${name}: ${value}\r\n`);
  const [method, firstByte] = announcedBytes === undefined ? ["GET", ""] : ["POST", "x"];
  const words = path === undefined ? "" : `${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${firstByte}`;
  const order = JSON.stringify({ port: Number(port), words, count, isReading, isAnswered: firstByte === "" });
  const file = join(import.meta.dirname, "servers/connections.ts");
  const child = spawn(process.execPath, [file, order], { stdio: ["pipe", "pipe", "inherit"] });
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
