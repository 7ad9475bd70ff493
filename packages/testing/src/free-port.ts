// Ports: a free one for tests, and whether a wanted one is taken, asked before anything is started.
import { randomInt } from "node:crypto";
import { createServer, type AddressInfo } from "node:net";

/** Linux hands out ports from 32768 on, macOS and Windows from 49152: one of those may be somebody's a moment later. */
const RANGE = [20_000, 32_768] as const;
const given = new Set<number>();

function tryListen(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, host, () => {
      const { port: bound } = server.address() as AddressInfo;
      server.close(() => resolve(bound));
    });
  });
}

/** A port that stays unused until its owner listens on it, seconds later: from below the range that systems hand out. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = randomInt(...RANGE);
    if (given.has(port) || (await isPortTaken(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`No free port from ${RANGE[0]} to ${RANGE[1]}.`);
}

/**
 * Asks both loopback addresses: a browser that looks up `localhost` tries ::1 first and would meet whoever listens
 * there.
 */
export async function isPortTaken(port: number): Promise<boolean> {
  for (const host of ["127.0.0.1", "::1"]) {
    const error = await tryListen(host, port).then(
      () => undefined,
      (cause: NodeJS.ErrnoException) => cause,
    );
    if (error?.code === "EADDRINUSE" || error?.code === "EACCES") return true;
  }
  return false;
}
