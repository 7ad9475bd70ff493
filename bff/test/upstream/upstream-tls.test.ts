// Upstreams over TLS: CA, server name and client certificate.
import { once } from "node:events";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { describe, expect, test } from "vitest";
import { testAuthority, type TestCertificate } from "@cloakroom/testkit/certificates.ts";
import { fetchApi, kept, startGateway } from "../proxy/gateway.ts";

const authority = testAuthority();
const stranger = testAuthority("another CA");

async function startTls(certificate: TestCertificate, options: object = {}) {
  const arrived: { authorization: string | undefined; peer: string | undefined }[] = [];
  const server: Server = createServer({ ...certificate, ...options }, (request, response) => {
    const { subject } = (request.socket as TLSSocket).getPeerCertificate();
    arrived.push({ authorization: request.headers.authorization, peer: subject?.CN as string | undefined });
    response.end("over TLS");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return kept({
    origin: `https://127.0.0.1:${port}`,
    arrived,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  });
}

const gatewayTo = async (origin: string, tls: object | undefined, override: object = {}) =>
  kept(await startGateway({ upstreams: `/api=${origin}`, override: { tls, ...override } }));

describe("an upstream over TLS", () => {
  test("a certificate of the configured CA and name is accepted, and the upstream gets the bearer", async () => {
    const upstream = await startTls(authority.issue("orders.test"));
    const gateway = await gatewayTo(upstream.origin, { ca: authority.cert, servername: "orders.test" });
    for (let round = 0; round < 3; round++) {
      const response = await fetchApi(gateway, "/api/x");
      expect([response.status, await response.text()]).toEqual([200, "over TLS"]);
    }
    expect(upstream.arrived[0]?.authorization).toMatch(/^Bearer /);
  });

  test.each<[string, object | undefined]>([
    ["no CA is configured", undefined],
    ["another CA is configured", { ca: stranger.cert, servername: "orders.test" }],
    ["its certificate is for another name", { ca: authority.cert, servername: "stock.test" }],
    ["no serverName is configured and the certificate does not contain the address", { ca: authority.cert }],
  ])("an upstream over TLS receives no bearer when %s: 502", async (_case, tls) => {
    const upstream = await startTls(authority.issue("orders.test"));
    const gateway = await gatewayTo(upstream.origin, tls);
    const response = await fetchApi(gateway, "/api/x");
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ code: "upstream_unreachable" });
    expect(upstream.arrived).toEqual([]);
    const failed = gateway.lines.find((line) => line["msg"] === "request failed");
    expect(JSON.stringify(failed)).toMatch(/CERT|SELF_SIGNED|UNABLE_TO|ALTNAME/);
  });

  test("a TLS error counts as a failed connection for the circuit breaker", async () => {
    const upstream = await startTls(authority.issue("orders.test"));
    const gateway = await gatewayTo(upstream.origin, { ca: stranger.cert }, { breakerFailures: 2 });
    const statuses = [];
    for (let round = 0; round < 3; round++) statuses.push((await fetchApi(gateway, "/api/x")).status);
    expect(statuses).toEqual([502, 502, 503]);
  });

  test("an upstream that requires a client certificate gets the configured one and rejects others", async () => {
    const upstream = await startTls(authority.issue("orders.test"), {
      ca: authority.cert,
      requestCert: true,
      rejectUnauthorized: true,
    });
    const trust = { ca: authority.cert, servername: "orders.test" };
    const gateway = await gatewayTo(upstream.origin, { ...trust, ...authority.issue("gateway.test") });
    expect((await fetchApi(gateway, "/api/x")).status).toBe(200);
    expect(upstream.arrived[0]?.peer).toBe("gateway.test");
    const without = await gatewayTo(upstream.origin, trust);
    expect((await fetchApi(without, "/api/x")).status).toBe(502);
    const foreign = await gatewayTo(upstream.origin, { ...trust, ...stranger.issue("gateway.test") });
    expect((await fetchApi(foreign, "/api/x")).status).toBe(502);
    expect(upstream.arrived).toHaveLength(1);
  });
});
