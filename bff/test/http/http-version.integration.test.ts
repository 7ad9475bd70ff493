// HTTP/1.0 of a proxy in front (default of nginx before 1.29.7) gets a response that names the cure.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createManagementServer } from "../../src/management/management-server.ts";
import { sendRaw, startUpstream, type TestUpstream } from "../proxy/gateway.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { VARIABLES } from "../../src/config/setting-words.ts";

let gateway: TestGateway;
let upstream: TestUpstream;

beforeAll(async () => {
  upstream = await startUpstream();
  const client = { issuer: "https://id.test", clientId: "app", clientSecret: "a-client-secret-of-the-tests" };
  gateway = await startGateway({ ...client, env: { UPSTREAMS: `/api=${upstream.origin}` } });
});
afterAll(async () => {
  await gateway.stop();
  upstream.stop();
});

describe("HTTP/1.0 on the public listener", () => {
  const host = () => `Host: ${new URL(gateway.origin).host}\r\n`;
  test.each<[name: string, head: () => string]>([
    ["a navigation through nginx with default settings", () => `GET / HTTP/1.0\r\n${host()}Connection: close\r\n\r\n`],
    ["a request without Host", () => "GET / HTTP/1.0\r\n\r\n"],
    ["another Host", () => "GET / HTTP/1.0\r\nHost: evil.test\r\n\r\n"],
    ["keep-alive", () => `GET /bff/user HTTP/1.0\r\n${host()}Connection: keep-alive\r\n\r\n`],
    ["an API request", () => `GET /api/x HTTP/1.0\r\n${host()}X-CSRF: 1\r\nSec-Fetch-Site: same-origin\r\n\r\n`],
    ["a body", () => `POST /api/x HTTP/1.0\r\n${host()}Content-Length: 2\r\n\r\nxx`],
    ["a back-channel logout", () => `POST /bff/backchannel-logout HTTP/1.0\r\nContent-Length: 0\r\n\r\n`],
    ["absolute-form", () => `GET http://evil.test/ HTTP/1.0\r\n\r\n`],
  ])("an HTTP/1.0 request (%s) gets 505 and the cure", async (_name, head) => {
    const response = await sendRaw(Number(new URL(gateway.origin).port), head());
    expect(response.status).toBe(505);
    expect(JSON.parse(response.body)).toMatchObject({
      status: 505,
      code: "http_version_not_supported",
      detail: expect.stringContaining("nginx: proxy_http_version 1.1;"),
    });
    expect(response.headers.get("cache-control")).toEqual(["no-store"]);
    expect(upstream.arrived).toEqual([]);
    expect(gateway.events("request_rejected").at(-1)?.["reason"]).toContain("proxy_http_version 1.1");
  });

  test("a navigation to /bff/login gets an error page that names the cure", async () => {
    const head = `GET /bff/login HTTP/1.0\r\n${host()}Accept: text/html\r\n\r\n`;
    const response = await sendRaw(Number(new URL(gateway.origin).port), head);
    expect([response.status, response.headers.get("content-type")]).toEqual([505, ["text/html; charset=utf-8"]]);
    expect(response.body).toContain("proxy_http_version 1.1;");
  });
});

test("the management listener accepts HTTP/1.0, which health checks of load balancers use", async () => {
  const metrics = { scrape: async () => "", contentType: "text/plain" };
  const server = createManagementServer({
    identity: () => ({}),
    metrics,
    checks: () => [],
    isDraining: () => false,
    words: VARIABLES,
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  for (const path of ["/livez", "/readyz"])
    expect((await sendRaw(port, `GET ${path} HTTP/1.0\r\n\r\n`)).status).toBe(200);
  server.close();
});
