// A round-robin TCP balancer in front of the instances. It knows nothing of HTTP: one connection, one instance; where
// one refuses the connection the next is tried, as any balancer does.
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { resetConnection } from "@cloakroom/testkit/fault-proxy.ts";

export type Target = { port: number; managementOrigin: string };

export type Balancer = {
  /** From now on instances that say they are not ready get no new connection, as under any orchestrator. */
  probe: () => void;
  stop: () => Promise<void>;
};

const PROBE_EVERY_MS = 50;

export async function startBalancer(port: number, targets: readonly Target[]): Promise<Balancer> {
  const notReady = new Set<Target>();
  const open = new Set<Socket>();
  const stopped = new AbortController();
  let turn = 0;

  const inTurn = (): Target[] => {
    turn = (turn + 1) % targets.length;
    const all = [...targets.slice(turn), ...targets.slice(0, turn)];
    // With nobody ready a refusal is as good as any other.
    return [...all.filter((each) => !notReady.has(each)), ...all.filter((each) => notReady.has(each))];
  };
  const server = createServer((browser) => {
    open.add(browser);
    browser.once("close", () => open.delete(browser));
    browser.on("error", () => undefined);
    void connectToFirst(inTurn()).then((instance) => {
      if (instance === undefined || browser.destroyed) return void (instance ?? browser).destroy();
      instance.setNoDelay(true);
      // A reset is passed on as one: an answer that broke off must not look complete.
      instance.once("error", () => resetConnection(browser));
      browser.once("close", () => instance.destroy());
      browser.pipe(instance);
      instance.pipe(browser);
    });
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");

  const watch = async (target: Target): Promise<void> => {
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
    probe: () => targets.forEach((target) => void watch(target)),
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
