// WebSockets through a gateway, with the requests of a handshake; what a test starts ends with it.
import { connect } from "node:net";
import { onTestFinished } from "vitest";
import { startSocketUpstream, type SocketUpstream } from "@cloakroom/testkit/web-socket-client.ts";
import { parseResponse, startGateway, type GatewayOptions, type RawResponse, type TestGateway } from "./gateway.ts";

/** A gateway that forwards /api to `upstream`. */
export async function startWebSocketGateway(
  upstream: { origin: string },
  options: GatewayOptions = {},
): Promise<TestGateway> {
  const gateway = await startGateway({ upstreams: `/api=${upstream.origin}`, ...options });
  onTestFinished(gateway.stop);
  return gateway;
}

export async function startUpstream(...options: Parameters<typeof startSocketUpstream>): Promise<SocketUpstream> {
  const upstream = await startSocketUpstream(...options);
  onTestFinished(upstream.stop);
  return upstream;
}

export const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
export const SWITCHING = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
export const ACCEPT = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

/** Sends a raw handshake. Reads until the gateway closes the connection, or a 101 and the bytes after it. */
export function shakeHands(gateway: TestGateway, fields: string[], { line = "GET /api/ws HTTP/1.1", after = "" } = {}) {
  return new Promise<RawResponse>((resolve) => {
    const socket = connect(gateway.port, "127.0.0.1", () => {
      socket.write(`${line}\r\n${fields.join("\r\n")}\r\n\r\n${after}`, "latin1");
    });
    let raw = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      raw += chunk;
      if (raw.startsWith("HTTP/1.1 101") && raw.includes("\r\n\r\n")) socket.destroy();
    });
    socket.on("error", () => {}).on("close", () => resolve(parseResponse(raw)));
  });
}

export const fieldsOf = (gateway: TestGateway, replaced: Record<string, string | undefined> = {}): string[] => {
  const fields: Record<string, string | undefined> = {
    Host: gateway.host,
    Origin: `http://${gateway.host}`,
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
    ...replaced,
  };
  return Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
};
