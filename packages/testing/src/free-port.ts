// Finds free ports and checks whether a port is in use.
import { randomInt } from "node:crypto";
import { createServer, type AddressInfo } from "node:net";

/** Below the ephemeral ports (from 32768 on Linux, 49152 elsewhere), which the system may assign at any moment. */
const RANGE = [20_000, 32_768] as const;
const reserved = new Set<number>();

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

/**
 * For servers that cannot bind port 0 and report the port. Between this check and their start another process can take the
 * port: a test process that chose the same number of 12,768, or a program of the machine. Such a server fails to start;
 * startRedisServer then tries another port. Servers of the test process itself bind port 0 instead.
 * @returns a port that was not returned before and that no process listens on
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = randomInt(...RANGE);
    if (reserved.has(port) || (await isPortTaken(port))) continue;
    reserved.add(port);
    return port;
  }
  throw new Error(`Found no free port from ${RANGE[0]} to ${RANGE[1]}.`);
}

/**
 * Checks both loopback addresses: browsers resolve `localhost` to ::1 first and would connect to another server there.
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
