// A second error of a Redis socket does not end the process: ioredis listens for the first one only.
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import tls from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { testAuthority } from "@cloakroom/testkit/certificates.ts";
import { connectRedis, connectSubscriber, diagnoseConnection } from "../../src/store/redis/redis-connection.ts";

type Recorded = { port: number | undefined; errors: string[]; isClosed: boolean; listenersAtClose: number };

const recorded: Recorded[] = [];
let tlsServer: tls.Server;
let tlsPort: number;

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

beforeAll(async () => {
  const open = tls.connect;
  vi.spyOn(tls, "connect").mockImplementation(((options: tls.ConnectionOptions) => {
    const socket = open(options);
    const record: Recorded = { port: options.port, errors: [], isClosed: false, listenersAtClose: 0 };
    recorded.push(record);
    // Not a listener of "error": it would be the one that is missing.
    const { emit } = socket;
    socket.emit = (name: string | symbol, ...rest: unknown[]) => {
      if (name === "error") record.errors.push((rest[0] as NodeJS.ErrnoException).code ?? "");
      if (name === "close") Object.assign(record, { isClosed: true, listenersAtClose: socket.listenerCount("error") });
      return Reflect.apply(emit, socket, [name, ...rest]) as boolean;
    };
    return socket;
  }) as typeof open);
  tlsServer = tls.createServer(testAuthority().issue("127.0.0.1"));
  tlsServer.on("tlsClientError", () => undefined);
  tlsPort = await listening(tlsServer);
});
afterEach(() => void recorded.splice(0));
afterAll(() => {
  vi.restoreAllMocks();
  tlsServer.close();
});

const failed = () => recorded.filter(({ errors, isClosed }) => isClosed && errors.length > 0);

describe("a socket of ioredis to a server whose certificate is rejected", () => {
  const openers: Record<string, (host: string) => () => void> = {
    "single server": (host) => closing(connectRedis({ url: `rediss://${host}`, timeoutMs: 100 })),
    Sentinel: (host) => closing(connectRedis({ url: `rediss+sentinel://${host}/main`, timeoutMs: 100 })),
    "Cluster node": (host) => closing(connectRedis({ url: `rediss+cluster://${host}`, timeoutMs: 100 })),
    subscriber: (host) => closing(connectSubscriber({ url: `rediss://${host}`, timeoutMs: 100 }, 0)),
    "diagnosis of a Sentinel": (host) => {
      void diagnoseConnection({ url: `rediss+sentinel://${host}/main`, timeoutMs: 100 });
      return () => undefined;
    },
  };
  const closing = (client: ReturnType<typeof connectRedis>) => {
    client.on("error", () => undefined);
    return () => client.disconnect();
  };

  it.each(Object.entries(openers))(
    "a socket of ioredis whose server certificate is rejected keeps an error listener until it is closed: %s",
    async (_name, open) => {
      const close = open(`127.0.0.1:${tlsPort}`);
      await expect.poll(() => failed().length).toBeGreaterThan(0);
      close();
      for (const { listenersAtClose } of failed()) expect(listenersAtClose).toBe(1);
    },
  );
});

it("a fatal alert after a rejected certificate does not become an uncaught exception", async () => {
  const { port, stop } = await startAlertingServer(tlsPort);
  const client = connectRedis({ url: `rediss://127.0.0.1:${port}`, timeoutMs: 100 });
  client.on("error", () => undefined);
  await expect
    .poll(() => recorded.find((each) => each.port === port)?.errors)
    .toEqual([expect.stringMatching(/SIGNATURE|CERT/), "ERR_SSL_SSL/TLS_ALERT_BAD_RECORD_MAC"]);
  client.disconnect();
  stop();
});

/** Undecryptable: a TLS 1.3 server responds with its handshake messages, then with a fatal alert. */
const INVALID_RECORD = Buffer.from([0x17, 0x03, 0x03, 0x00, 0x20, ...Buffer.alloc(32)]);

/** Proxy to a TLS server that sends both in one segment. Redis sends an alert for a FIN without close_notify, too. */
async function startAlertingServer(serverPort: number) {
  const proxy = createServer((peer) => {
    peer.on("error", () => undefined);
    peer.once("data", (clientHello: Buffer) => {
      const server = connect(serverPort, "127.0.0.1", () => server.write(Buffer.concat([clientHello, INVALID_RECORD])));
      const sent: Buffer[] = [];
      server.on("error", () => undefined);
      server.on("data", (bytes: Buffer) => sent.push(bytes));
      server.once("close", () => peer.end(Buffer.concat(sent)));
    });
  });
  return { port: await listening(proxy), stop: () => void proxy.close() };
}
