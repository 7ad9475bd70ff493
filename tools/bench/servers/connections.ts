// Holds many connections to one server: event streams, clients that do not read, incomplete uploads, silent sockets.
// Prints "open <n>" when they are open, and exits at the end of its standard input.
import { connect, type Socket } from "node:net";

type Settings = {
  port: number;
  /** Request headers and the first byte of the body. Empty: nothing is sent. */
  requestText: string;
  count: number;
  /** False: reads the beginning of the response only. */
  isReading: boolean;
  /** False for an incomplete body. */
  awaitsResponse: boolean;
};

const { port, requestText, count, isReading, awaitsResponse } = JSON.parse(process.argv[2] ?? "") as Settings;
const CONCURRENCY = 100;
const sockets: Socket[] = [];
/** Without a response within this time the server's limit is reached, and no further connections are opened. */
const RESPONSE_TIMEOUT_MS = 5_000;
let failures = 0;

async function open(): Promise<void> {
  while (sockets.length < count && failures === 0) {
    const isOpen = await new Promise<boolean>((resolve) => {
      // 127.0.0.1 to 127.0.0.4: one address has too few ports.
      const socket = connect({ port, host: "127.0.0.1", localAddress: `127.0.0.${1 + (sockets.length % 4)}` });
      sockets.push(socket);
      socket.on("error", () => resolve(false)).on("close", () => resolve(false));
      socket.once("connect", () => {
        if (requestText === "") resolve(true);
        else socket.write(requestText, () => (awaitsResponse ? undefined : resolve(true)));
      });
      socket.once("data", (chunk: Buffer) => {
        if (!isReading) socket.pause();
        resolve(chunk.includes(" 200 "));
      });
      socket.setTimeout(RESPONSE_TIMEOUT_MS, () => resolve(false));
    });
    if (!isOpen) failures += 1;
  }
}

await Promise.all(Array.from({ length: Math.min(CONCURRENCY, count) }, open));
console.log(`open ${sockets.length - failures}`);
process.stdin.on("end", () => process.exit()).resume();
