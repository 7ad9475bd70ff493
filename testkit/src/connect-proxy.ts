// Forward proxy for tests: CONNECT only (RFC 9110 §9.3.6). Host names are mapped to local ports.
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";

export type ConnectProxy = {
  url: string;
  /** Targets of CONNECT, as sent. */
  targets: string[];
  /** Proxy-Authorization of the last CONNECT. */
  authorization: string | undefined;
  /** `reject`: responds with this status. `hang`: never responds. `close`: closes without a response. */
  behaviour: { kind: "tunnel" } | { kind: "reject"; status: number } | { kind: "hang" } | { kind: "close" };
  /** Called with the number of bytes from the client in the tunnel; true resets the connection. */
  resetsAfter: ((bytes: number) => boolean) | undefined;
  stop(): Promise<void>;
};

export async function startConnectProxy(ports: Readonly<Record<string, number>>): Promise<ConnectProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((_request, response) => void response.writeHead(405).end());
  server.on("connection", (socket) => sockets.add(socket));
  server.on("connect", (request: IncomingMessage, client: Socket) => {
    const target = request.url ?? "";
    proxy.targets.push(target);
    proxy.authorization = request.headers["proxy-authorization"];
    client.on("error", () => undefined);
    const { behaviour } = proxy;
    if (behaviour.kind === "hang") return;
    if (behaviour.kind === "close") return void client.destroy();
    if (behaviour.kind === "reject") return void client.end(`HTTP/1.1 ${behaviour.status} Rejected\r\n\r\n`);
    const port = ports[target];
    if (port === undefined) return void client.end("HTTP/1.1 502 Unknown Host\r\n\r\n");
    const upstream = connect(port, "127.0.0.1", () => {
      client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      upstream.pipe(client);
      let bytes = 0;
      client.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        upstream.write(chunk);
        if (proxy.resetsAfter?.(bytes) === true) client.resetAndDestroy();
      });
      client.on("end", () => upstream.end());
    });
    sockets.add(upstream);
    upstream.on("error", () => client.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy: ConnectProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    targets: [],
    authorization: undefined,
    behaviour: { kind: "tunnel" },
    resetsAfter: undefined,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
  return proxy;
}
