// Records the commands that a Redis server executes (MONITOR), scripts included. Uses a plain socket because ioredis fails
// when the first lines arrive together with the reply.
import { once } from "node:events";
import { connect } from "node:net";

export type RedisMonitor = {
  /** @returns the distinct commands so far, each with its arguments */
  commands(): string[][];
  stop(): void;
};

const ARGUMENT = /"((?:[^"\\]|\\.)*)"/g;

export async function monitorRedis(url: string): Promise<RedisMonitor> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
  socket.write("MONITOR\r\n");
  await once(socket, "data");
  return {
    commands() {
      const lines = new Set(text.split("\r\n").map((line) => line.slice(line.indexOf("] ") + 2)));
      const all = [...lines].map((line) => [...line.matchAll(ARGUMENT)].map(([, argument = ""]) => argument));
      return all.filter((args) => args.length > 0);
    },
    stop: () => socket.destroy(),
  };
}
