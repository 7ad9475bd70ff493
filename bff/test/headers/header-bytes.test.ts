// Bytes above 0x7F in header values (obs-text, RFC 9110 §5.5) are forwarded unchanged in both directions, with every
// encoding and framing.
import { describe, expect, test } from "vitest";
import { appRequest, kept, sendRaw, startGateway, startRawUpstream, startUpstream } from "../proxy/gateway.ts";

const bytes = (text: string) => Buffer.from(text, "utf8").toString("latin1");
const ALL = Array.from({ length: 128 }, (_, at) => String.fromCharCode(0x80 + at)).join("");

const VALUES: [title: string, value: string][] = [
  ["UTF-8", bytes('attachment; filename="Übersicht – 東京.pdf"')],
  ["latin1", 'attachment; filename="\u00dcbersicht.pdf"'],
  ["every byte from 0x80", `x${ALL}x`],
  ["bytes that are not UTF-8", "\u00c3(\u00ff\u00fe\u00e2\u0082"],
];

const FRAMINGS: [title: string, head: string, body: string][] = [
  ["with Content-Length", "200 OK\r\nContent-Length: 2", "ok"],
  ["with a long body", "200 OK\r\nContent-Length: 50000", "x".repeat(50_000)],
  ["with Content-Length 0", "200 OK\r\nContent-Length: 0", ""],
  ["in chunks", "200 OK\r\nTransfer-Encoding: chunked", "2\r\nok\r\n0\r\n\r\n"],
  ["up to the end of the connection", "200 OK\r\nConnection: close", "ok"],
  ["as 204", "204 No Content", ""],
  ["as 304", "304 Not Modified", ""],
  ["as 404", "404 Not Found\r\nContent-Length: 2", "no"],
];

describe("a response", () => {
  const cases = FRAMINGS.flatMap(([framing, ...response]) =>
    VALUES.map(([title, value]) => [`${framing}: ${title}`, ...response, value] as const),
  );
  test.each(cases)("a response keeps its header bytes %s", async (_title, head, body, value) => {
    const response = `HTTP/1.1 ${head}\r\nContent-Disposition: ${value}\r\nX-Own: ${value}\r\n\r\n${body}`;
    const upstream = kept(
      await startRawUpstream((socket) => {
        socket.write(response, "latin1");
        if (head.includes("close")) socket.end();
      }),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const { headers, status } = await sendRaw(gateway.port, appRequest(gateway, "GET /api/x"));
    expect(status).toBe(Number(head.slice(0, 3)));
    expect(headers.get("content-disposition")).toEqual([value]);
    expect(headers.get("x-own")).toEqual([value]);
  });

  test("a response to HEAD keeps its header bytes", async () => {
    const [, value] = VALUES[2]!;
    const upstream = kept(
      await startRawUpstream((socket) => void socket.write(`HTTP/1.1 200 OK\r\nX-Own: ${value}\r\n\r\n`, "latin1")),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const { headers } = await sendRaw(gateway.port, appRequest(gateway, "HEAD /api/x"));
    expect(headers.get("x-own")).toEqual([value]);
  });

  test.each([
    "204 No Content\r\n",
    "304 Not Modified\r\n",
    "413 Too Large\r\nContent-Length: 0\r\n",
    "413 Too Large\r\nContent-Length: 2\r\n",
  ])("an early response to an upload keeps its header bytes: %j", async (head) => {
    const [, value] = VALUES[2]!;
    const body = head.includes(": 2") ? "no" : "";
    const upstream = kept(
      await startRawUpstream((socket) => void socket.write(`HTTP/1.1 ${head}X-Own: ${value}\r\n\r\n${body}`, "latin1")),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const upload = appRequest(gateway, "PUT /api/x", ["Content-Length: 5000000"], "x".repeat(100_000));
    const { headers } = await sendRaw(gateway.port, upload);
    expect(headers.get("x-own")).toEqual([value]);
  });

  test.each([
    ["Location", "/caf\u00c3\u00a9", "/api/caf%C3%A9"],
    ["Location", "/caf\u00e9", "/api/caf%E9"],
    ["Link", `<x>; title="${bytes("ü")}"; rel=next`, `<x>; title="${bytes("ü")}"; rel=next`],
    ["Cache-Control", "private", "private, no-cache"],
  ])("a response with %s: %s means the same to the browser", async (name, value, expected) => {
    const upstream = kept(
      await startRawUpstream(
        (socket) =>
          void socket.write(`HTTP/1.1 201 Created\r\nContent-Length: 0\r\n${name}: ${value}\r\n\r\n`, "latin1"),
      ),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const { headers } = await sendRaw(gateway.port, appRequest(gateway, "GET /api/x"));
    expect(headers.get(name.toLowerCase())).toEqual([expected]);
  });
});

describe("a request", () => {
  const WAYS: [title: string, line: string, extra: string[], body: string][] = [
    ["without a body", "GET /api/x", [], ""],
    ["with Content-Length", "POST /api/x", ["Content-Length: 2"], "hi"],
    ["with an empty body", "POST /api/x", ["Content-Length: 0"], ""],
    ["in chunks", "POST /api/x", ["Transfer-Encoding: chunked"], "2\r\nhi\r\n0\r\n\r\n"],
  ];
  const cases = WAYS.flatMap(([way, ...parts]) =>
    VALUES.map(([title, value]) => [`${way}: ${title}`, parts, value] as const),
  );
  test.each(cases)("a response keeps its header bytes %s", async (_title, [line, extra, body], value) => {
    const upstream = kept(await startUpstream());
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const fields = [...extra, `X-Own: ${value}`, `Content-Disposition: ${value}`];
    const { status } = await sendRaw(gateway.port, appRequest(gateway, line, fields, body));
    expect(status).toBe(200);
    const { headers } = upstream.arrived[0]!;
    expect([headers["x-own"], headers["content-disposition"]]).toEqual([value, value]);
  });

  test.each(VALUES)("a request for a WebSocket keeps its bytes: %s", async (_title, value) => {
    const heads: string[] = [];
    const upstream = kept(
      await startRawUpstream((socket, head) => {
        heads.push(head);
        socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
      }),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const handshake = [
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      `Origin: http://127.0.0.1:${gateway.port}`,
    ];
    await sendRaw(gateway.port, appRequest(gateway, "GET /api/x", [...handshake, `X-Own: ${value}`]));
    expect(heads[0]).toContain(`x-own: ${value}\r\n`);
  });
});
