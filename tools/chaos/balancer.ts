// Round-robin TCP load balancer: forwards each connection to the next instance and tries another one if the connection is
// rejected.
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { resetConnection } from "@cloakroom/testkit/fault-proxy.ts";

export type Target = { port: number; managementOrigin: string };

export type Balancer = {
  /** Starts readiness probes: instances that are not ready receive no new connections. */
  startProbes: () => void;
  stop: () => Promise<void>;
};

const PROBE_EVERY_MS = 50;

export async function startBalancer(port: number, targets: readonly Target[]): Promise<Balancer> {
  const notReady = new Set<Target>();
  const open = new Set<Socket>();
  const stopped = new AbortController();
  let turn = 0;

  const nextTargets = (): Target[] => {
    turn = (turn + 1) % targets.length;
    const all = [...targets.slice(turn), ...targets.slice(0, turn)];
    // Instances that are not ready come last: with no ready instance a connection is still attempted.
    return [...all.filter((each) => !notReady.has(each)), ...all.filter((each) => notReady.has(each))];
  };
  const server = createServer((browser) => {
    open.add(browser);
    browser.once("close", () => open.delete(browser));
    browser.on("error", () => undefined);
    void connectToFirst(nextTargets()).then((instance) => {
      if (instance === undefined || browser.destroyed) return void (instance ?? browser).destroy();
      instance.setNoDelay(true);
      // Forwards a reset as a reset: an aborted response must not look complete.
      instance.once("error", () => resetConnection(browser));
      browser.once("close", () => instance.destroy());
      browser.pipe(instance);
      instance.pipe(browser);
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");

  const probe = async (target: Target): Promise<void> => {
    while (!stopped.signal.aborted) {
      const isReady = await fetch(`${target.managementOrigin}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
        (response) => response.ok,
        () => false,
      );
      if (isReady) notReady.delete(target);
      else notReady.add(target);
      await sleep(PROBE_EVERY_MS);
    }
  };
  return {
    startProbes: () => targets.forEach((target) => void probe(target)),
    stop: async () => {
      stopped.abort();
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

async function connectToFirst(targets: readonly Target[]): Promise<Socket | undefined> {
  for (const { port } of targets) {
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return socket;
    } catch {
      socket.destroy();
    }
  }
  return undefined;
}
