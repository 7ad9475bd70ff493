// Finds free ports and checks whether a port is in use.
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";

/** Below the ephemeral ports (from 32768 on Linux, 49152 elsewhere), which the system may assign at any moment. */
const RANGE = [20_000, 32_768] as const;
/** See `reserve`: from 7,232, below the range. */
const LOCK_OFFSET = RANGE[0] - RANGE[1];

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
 * For servers that cannot bind port 0 and report the port. Processes that use this function never get the same port. Another
 * program can still take it before the server starts. Servers of the test process itself bind port 0 instead.
 * @returns a port that no process listens on, reserved until this process ends
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = randomInt(...RANGE);
    if ((await reserve(port)) && !(await isPortTaken(port))) return port;
  }
  throw new Error(`Found no free port from ${RANGE[0]} to ${RANGE[1]}.`);
}

/**
 * Test workers choose ports at the same time, and a server starts only later. A bound UDP port is a lock between processes
 * that the system releases when its process ends.
 */
async function reserve(port: number): Promise<boolean> {
  const lock = createSocket("udp4").unref();
  lock.bind({ port: port + LOCK_OFFSET, address: "127.0.0.1", exclusive: true });
  try {
    await once(lock, "listening");
    return true;
  } catch {
    lock.close();
    return false;
  }
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
