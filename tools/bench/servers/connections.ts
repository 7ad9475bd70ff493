// Holds many connections to one server: event streams, readers that do not read, bodies that do not come, sockets that
// say nothing.
// Says "open <n>" once they are, and ends with its input.
import { connect, type Socket } from "node:net";

type Order = {
  port: number;
  /** The request's head and what is sent of its body; empty: nothing is ever sent. */
  words: string;
  count: number;
  /** Takes the beginning of the answer and nothing more. */
  isReading: boolean;
  /** Not while its body is incomplete. */
  isAnswered: boolean;
};

const { port, words, count, isReading, isAnswered } = JSON.parse(process.argv[2] ?? "") as Order;
const AT_ONCE = 100;
const sockets: Socket[] = [];
/** One that is not answered within this is not taken: a limit of the server's is reached, and no more are tried. */
const ANSWER_MS = 5_000;
let failures = 0;

async function open(): Promise<void> {
  while (sockets.length < count && failures === 0) {
    const isOpen = await new Promise<boolean>((resolve) => {
      // 127.0.0.1 to 127.0.0.4: one address has not enough ports for everybody.
      const socket = connect({ port, host: "127.0.0.1", localAddress: `127.0.0.${1 + (sockets.length % 4)}` });
      sockets.push(socket);
      socket.on("error", () => resolve(false)).on("close", () => resolve(false));
      socket.once("connect", () => {
        if (words === "") resolve(true);
        else socket.write(words, () => (isAnswered ? undefined : resolve(true)));
      });
      socket.once("data", (answer: Buffer) => {
        if (!isReading) socket.pause();
        resolve(answer.includes(" 200 "));
      });
      socket.setTimeout(ANSWER_MS, () => resolve(false));
    });
    if (!isOpen) failures += 1;
  }
}

await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, open));
console.log(`open ${sockets.length - failures}`);
process.stdin.on("end", () => process.exit()).resume();
