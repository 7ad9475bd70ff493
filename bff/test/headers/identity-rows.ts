// Rows with identity headers, and an upstream that records the bytes of its request heads, for the tests of this folder.
import { once } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type RecordingUpstream = {
  origin: string;
  /** Request heads, oldest first, one character for each byte. */
  heads: string[];
  /** Statuses of the next responses; then 200. */
  statuses: string[];
  stop(): void;
};

/** Responds to every request, also to WebSocket handshakes, which it rejects. */
export async function startRecordingUpstream(): Promise<RecordingUpstream> {
  const sockets = new Set<Socket>();
  const [heads, statuses]: [string[], string[]] = [[], []];
  const server = createServer((socket) => {
    sockets.add(socket);
    let received = "";
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      const end = received.indexOf("\r\n\r\n");
      if (end === -1) return;
      const head = received.slice(0, end);
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (received.length < end + 4 + length) return;
      received = "";
      heads.push(head);
      socket.write(`HTTP/1.1 ${statuses.shift() ?? "200 OK"}\r\nContent-Length: 2\r\n\r\nok`);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heads,
    statuses,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** @returns the values of a header, in every spelling that has the same letters and digits */
export function valuesOf(head: string, name: string): string[] {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, "");
  return head
    .split("\r\n")
    .slice(1)
    .map((line) => line.split(/:(.*)/s, 2) as [string, string])
    .filter(([each]) => plain(each) === plain(name))
    .map(([, value]) => value.trim());
}

export function rowsFile(rows: readonly object[]): string {
  const file = join(mkdtempSync(join(tmpdir(), "cloakroom-")), "upstreams.json");
  writeFileSync(file, JSON.stringify(rows));
  return file;
}
