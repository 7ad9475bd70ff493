// Upstreams that violate HTTP framing: no user receives another user's response (I3).
import { describe, expect, test } from "vitest";
import { fetchApi, kept, startGateway, startRawUpstream } from "./gateway.ts";

describe("an upstream that violates HTTP framing", () => {
  const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

  test.each([
    ["a second response in the same packet", `${OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL`],
    ["more bytes than its length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokEVILEVIL"],
    ["a body on 204", "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"],
    ["a body on 304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nEVIL"],
  ])("%s never becomes part of another response (GHSA-35p6, response queue poisoning)", async (_name, first) => {
    const upstream = kept(await startRawUpstream((socket, _head, count) => socket.write(count === 1 ? first : OK)));
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const victim = await fetchApi(gateway, "/api/1");
    expect(await victim.text()).not.toContain("EVIL");
    for (let round = 0; round < 5; round++) {
      const response = await fetchApi(gateway, "/api/2");
      const text = await response.text();
      expect(text).not.toContain("EVIL");
      if (response.status === 200) expect(text).toBe("ok");
    }
  });

  test("an unsolicited response on an idle connection is discarded with the connection", async () => {
    const upstream = kept(
      await startRawUpstream((socket, _head, count) => {
        socket.write(OK);
        if (count === 1) setImmediate(() => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"));
      }),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    await (await fetchApi(gateway, "/api/1")).text();
    for (let round = 0; round < 5; round++)
      expect(await (await fetchApi(gateway, "/api/2")).text()).not.toContain("EVIL");
  });

  test.each([
    ["a body on HEAD", "HEAD", `${OK}`],
    [
      "length and chunks at once",
      "GET",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["two Content-Length headers", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"],
    ["an invalid Content-Length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok"],
    ["a response that is not HTTP", "GET", "SSH-2.0-OpenSSH\r\n"],
    ["a head without an end", "GET", `HTTP/1.1 200 OK\r\nX: ${"a".repeat(70_000)}\r\n\r\n`],
    ["a switch of protocols", "GET", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
    ["an unknown status", "GET", "HTTP/1.1 42 What\r\n\r\n"],
    ["a control character in a header", "GET", "HTTP/1.1 200 OK\r\nX-A: a\x01b\r\nContent-Length: 2\r\n\r\nok"],
  ])("%s leaves the gateway running and the next response correct", async (_name, method, bytes) => {
    const upstream = kept(
      await startRawUpstream((socket, _head, count) => socket.write(Buffer.from(count === 1 ? bytes : OK, "latin1"))),
    );
    const gateway = kept(await startGateway({ upstreams: `/api=${upstream.origin}` }));
    const first = await fetchApi(gateway, "/api/1", { method });
    if (method === "GET") expect([200, 502]).toContain(first.status);
    await first.text();
    expect(await (await fetchApi(gateway, "/api/2")).text()).toBe("ok");
  });
});
