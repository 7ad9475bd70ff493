// Opaque access tokens on bearer rows (RFC 7662): what a response must say, how often the endpoint is asked, and what an outage
// of it means. The endpoint is that of a provider that lies in one point per row.
import type { IncomingMessage, ServerResponse } from "node:http";
import { hash } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startHostileProvider, type HostileProvider } from "@cloakroom/testkit/hostile-provider.ts";
import { startGateway, type TestGateway } from "@cloakroom/testkit/test-gateway.ts";
import { writeRows } from "@cloakroom/testkit/upstream-rows.ts";

type Members = Record<string, unknown>;
type Call = { token: string; hint: string | null; authorization: string | undefined };
type Respond = (call: Call) => Members | undefined;

const AUDIENCE = "https://orders.example";
let provider: HostileProvider;
let gateway: TestGateway;
const gateways: TestGateway[] = [];
/** Requests to the introspection endpoint. */
const asked: Call[] = [];
const received: (string | undefined)[] = [];
let respond: Respond = () => honest();
let raw: ((response: ServerResponse, call: Call) => void) | undefined;

const now = () => Math.floor(Date.now() / 1000);
const honest = (): Members => ({
  active: true,
  iss: provider.issuer,
  sub: "robot",
  client_id: "robot",
  aud: AUDIENCE,
  exp: now() + 300,
  iat: now() - 1,
  token_type: "Bearer",
  scope: "orders:read",
});

async function introspection(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  const form = new URLSearchParams(text);
  const call = {
    token: form.get("token") ?? "",
    hint: form.get("token_type_hint"),
    authorization: request.headers.authorization,
  };
  asked.push(call);
  if (raw !== undefined) return raw(response, call);
  const body = respond(call);
  response.setHeader("content-type", "application/json").end(JSON.stringify(body));
}

async function start(introspect: object, env: Record<string, string> = {}): Promise<TestGateway> {
  const baseUrl = `${provider.issuer}/up`;
  const bearer = { audience: AUDIENCE, introspection: introspect };
  const started = await startGateway({
    ...provider,
    env: {
      ...writeRows([
        { prefix: "/api", baseUrl, token: "none" },
        { prefix: "/opaque", baseUrl, access: "bearer", bearer },
        { prefix: "/opaque/write", baseUrl, access: "bearer", bearer, requiredScopes: ["orders:write"] },
        { prefix: "/clients", baseUrl, access: "bearer", bearer: { clientIds: ["robot"], introspection: introspect } },
      ]),
      ...env,
    },
  });
  gateways.push(started);
  return started;
}

beforeAll(async () => {
  provider = await startHostileProvider({
    beside(request, response) {
      if (request.url === "/introspect") return void introspection(request, response);
      received.push(request.headers.authorization);
      response.end("{}");
    },
  });
});
afterAll(() => provider.stop());
beforeEach(async () => {
  provider.overrides = {
    metadata: (members) => ({ ...members, introspection_endpoint: `${provider.issuer}/introspect` }),
  };
  respond = () => honest();
  raw = undefined;
  asked.length = received.length = 0;
  gateway = await start({});
});
afterEach(async () => {
  for (const each of gateways.splice(0)) await each.stop();
});

type Sending = { path?: string; at?: TestGateway; from?: string };

/** @param from the client address, for gateways that trust 127.0.0.1 as a proxy */
async function send(token: string, { path = "/opaque/x", at = gateway, from = "192.0.2.1" }: Sending = {}) {
  const headers = { authorization: `Bearer ${token}`, "x-forwarded-for": from };
  const response = await fetch(at.origin + path, { headers });
  const text = await response.text();
  return { response, status: response.status, body: (text.startsWith("{") ? JSON.parse(text) : {}) as Members };
}
const lastReason = (at = gateway) => String(at.events("access_token_rejected").at(-1)?.["reason"]);

describe("an opaque token", () => {
  it("an opaque token is introspected with the client's authentication, and forwarded", async () => {
    expect((await send("opaque-token")).status).toBe(200);
    expect(received).toEqual(["Bearer opaque-token"]);
    expect(asked).toMatchObject([{ token: "opaque-token", hint: "access_token" }]);
    expect(asked[0]?.authorization).toMatch(/^Basic /);
    expect(gateway.log.join("")).not.toContain("opaque-token");
  });

  it.each<[string, () => Members]>([
    ["without optional members", () => ({ active: true, aud: AUDIENCE, sub: "robot" })],
    [
      "whose optional members are null",
      () => ({ ...honest(), iss: null, exp: null, nbf: null, scope: null, cnf: null }),
    ],
    ["with several audiences", () => ({ ...honest(), aud: ["x", AUDIENCE] })],
    ["whose type is in lower case", () => ({ ...honest(), token_type: "bearer" })],
    ["that names the kind of token (RFC 8693)", () => ({ ...honest(), token_type: "access_token" })],
    ["of Keycloak", () => ({ ...honest(), typ: "Bearer", nonce: "x" })],
    ["of Ory", () => ({ ...honest(), token_use: "access_token" })],
    ["of a client without user", () => ({ ...honest(), sub: undefined })],
  ])("%s is accepted", async (_name, response) => {
    respond = response;
    expect((await send("token")).status, lastReason()).toBe(200);
  });

  it.each<[string, Members, RegExp, string?]>([
    ["is inactive", { active: false }, /inactive/],
    ["is of another issuer", { iss: "https://attacker.test" }, /another issuer/],
    ["is for another audience", { aud: "https://payments.example" }, /audience/],
    ["has no audience", { aud: undefined }, /aud is missing/],
    ["is of another client", { client_id: "cloakroom" }, /clientIds/, "/clients/x"],
    ["has no client", { client_id: undefined }, /client_id and azp/, "/clients/x"],
    ["has expired", { exp: 1 }, /expired/],
    ["has an exp that is a text", { exp: "9999999999" }, /exp is not a number/],
    ["is not valid yet", { nbf: 9_999_999_999 }, /nbf/],
    ["is of the future", { iat: 9_999_999_999 }, /iat/],
    ["is a refresh token by its type", { token_type: "refresh_token" }, /token_type/],
    ["is of an unknown type", { token_type: "mac" }, /token_type/],
    ["has a type that is a list", { token_type: ["Bearer"] }, /token_type/],
    ["is a refresh token of Keycloak", { typ: "Refresh" }, /claim typ/],
    ["is an ID token of Keycloak", { typ: "ID" }, /claim typ/],
    ["is a refresh token of Ory", { token_use: "refresh_token" }, /token_use/],
    ["has no holder", { sub: undefined, client_id: undefined }, /neither sub nor client_id/],
    ["has a subject that is a number", { sub: 1 }, /neither sub nor client_id/],
    ["is bound to a certificate", { cnf: { "x5t#S256": "x" } }, /client certificate/],
    ["is bound to a key, and sent as Bearer", { cnf: { jkt: hash("sha256", "k", "base64url") } }, /DPoP key/],
    ["is of type DPoP, without a key", { token_type: "DPoP" }, /no cnf\.jkt/],
    ["is bound by an unknown method", { cnf: { kid: "1" } }, /not supported/],
  ])("an opaque token that %s is rejected", async (_name, change, reason, path) => {
    respond = () => ({ ...honest(), ...change });
    const { status, body } = await send("token", path === undefined ? {} : { path });
    expect([status, body["code"]]).toEqual([401, "invalid_token"]);
    expect(lastReason()).toMatch(reason);
    expect(received).toEqual([]);
  });

  it("an opaque token needs the scopes of the row", async () => {
    const { status, body } = await send("token", { path: "/opaque/write/x" });
    expect([status, body["code"]]).toEqual([403, "insufficient_scope"]);
  });

  it("an opaque token is introspected at the endpoint of the row, also if the metadata names another", async () => {
    provider.overrides = {};
    const at = await start({ endpoint: `${provider.issuer}/introspect` });
    expect((await send("token", { at })).status).toBe(200);
  });
});

describe("a JWT on a row with introspection", () => {
  const jwt = () => provider.sign({ ...honest(), active: undefined, token_type: undefined }, { typ: "at+jwt" });

  it("a JWT on a row with introspection is validated without the endpoint", async () => {
    expect((await send(await jwt())).status).toBe(200);
    expect(asked).toEqual([]);
  });

  it("a JWT with a wrong signature is not introspected", async () => {
    expect((await send(`${(await jwt()).slice(0, -6)}AAAAAA`)).status).toBe(401);
    expect(asked).toEqual([]);
  });

  it("a JWT on a row with introspection is introspected with tokens: all", async () => {
    const at = await start({ tokens: "all" });
    respond = () => ({ active: false });
    expect((await send(await jwt(), { at })).status).toBe(401);
    expect(asked).toHaveLength(1);
  });
});

describe("the cache of introspections", () => {
  it("the cache of introspections sends one request for several with one token, also at the same time", async () => {
    const statuses = await Promise.all(Array.from({ length: 8 }, () => send("token")));
    await send("token");
    expect(statuses.map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect(asked).toHaveLength(1);
  });

  it("the cache of introspections is off with cacheSeconds: 0", async () => {
    const at = await start({ cacheSeconds: 0 });
    await send("token", { at });
    respond = () => ({ active: false });
    expect((await send("token", { at })).status).toBe(401);
    expect(asked).toHaveLength(2);
  });

  it("the cache of introspections does not keep a token longer than its exp", async () => {
    respond = () => ({ ...honest(), exp: now() - 10 });
    expect((await send("token")).status).toBe(200);
    await send("token");
    expect(asked).toHaveLength(2);
  });

  it("the cache of introspections remembers rejected tokens", async () => {
    respond = () => ({ active: false });
    await send("token");
    await send("token");
    expect(asked).toHaveLength(1);
  });
});

describe("the limit on introspections", () => {
  const MAX_PER_ADDRESS = 16;
  let at: TestGateway;
  let held: (() => void)[] = [];

  beforeEach(async () => {
    held = [];
    raw = (response, call) => {
      const end = () => void response.setHeader("content-type", "application/json").end(JSON.stringify(respond(call)));
      if (call.token.startsWith("slow")) held.push(end);
      else end();
    };
    at = await start({}, { TRUSTED_PROXIES: "127.0.0.1" });
  });

  it.each([
    ["an address", () => "203.0.113.7", "203.0.113.8"],
    ["an IPv6 network", (nth: number) => `2001:db8:0:1::${nth + 1}`, "2001:db8:0:2::1"],
  ])("the limit on introspections of %s leaves the others unaffected", async (_what, addressOf, other) => {
    const slow = Array.from({ length: MAX_PER_ADDRESS }, (_, nth) => send(`slow-${nth}`, { at, from: addressOf(nth) }));
    await expect.poll(() => held.length).toBe(MAX_PER_ADDRESS);
    const rejected = await send("one-more", { at, from: addressOf(16) });
    expect([rejected.status, rejected.body["code"]]).toEqual([429, "too_many_requests"]);
    expect(Number(rejected.response.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await send("another", { at, from: other })).status).toBe(200);
    for (const end of held) end();
    expect((await Promise.all(slow)).map(({ status }) => status)).toEqual(slow.map(() => 200));
    expect((await send("one-more", { at, from: addressOf(16) })).status).toBe(200);
  });

  it("the limit on introspections counts requests with one token once, and cached tokens not at all", async () => {
    await send("cached", { at });
    const same = Array.from({ length: 2 * MAX_PER_ADDRESS }, () => send("slow", { at }));
    await expect.poll(() => held.length).toBe(1);
    expect((await send("other", { at })).status).toBe(200);
    const slow = Array.from({ length: MAX_PER_ADDRESS - 1 }, (_, nth) => send(`slow-${nth}`, { at }));
    await expect.poll(() => held.length).toBe(MAX_PER_ADDRESS);
    expect((await send("cached", { at })).status).toBe(200);
    for (const end of held) end();
    expect((await Promise.all([...same, ...slow])).every(({ status }) => status === 200)).toBe(true);
  });
});

describe("an introspection endpoint", () => {
  const FAULTS: [string, (response: ServerResponse) => void][] = [
    ["responds with 500", (response) => void response.writeHead(500).end("oops")],
    ["responds with HTML", (response) => void response.setHeader("content-type", "text/html").end("<html>")],
    ["responds with no JSON", (response) => void response.setHeader("content-type", "application/json").end("{")],
    ["responds without active", (response) => void response.setHeader("content-type", "application/json").end("{}")],
    [
      "responds with active as a text",
      (response) => void response.setHeader("content-type", "application/json").end('{"active":"true"}'),
    ],
    ["responds with a list", (response) => void response.setHeader("content-type", "application/json").end("[]")],
    [
      "rejects the client",
      (response) =>
        void response.writeHead(401, { "content-type": "application/json" }).end('{"error":"invalid_client"}'),
    ],
    ["limits the rate", (response) => void response.writeHead(429).end()],
    ["redirects", (response) => void response.writeHead(302, { location: "https://attacker.test" }).end()],
    ["closes the connection", (response) => void response.destroy()],
    [
      "sends two megabytes",
      (response) =>
        void response
          .setHeader("content-type", "application/json")
          .end(`{"active":true,"x":"${"x".repeat(2_000_000)}"}`),
    ],
  ];
  it.each(FAULTS)(
    "an introspection endpoint that %s makes requests with unknown tokens 503, and no others",
    async (_name, fault) => {
      await send("known");
      raw = fault;
      for (const token of "abcdefghijkl") {
        const { status, body, response } = await send(token);
        expect([status, body["code"]]).toEqual([503, "provider_unavailable"]);
        expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
        expect(response.headers.get("set-cookie")).toBeNull();
      }
      // The circuit is open after three failures; then one of these tokens passes per second.
      expect(asked.filter(({ token }) => token.length === 1).length).toBeLessThan(8);
      expect((await send("known")).status).toBe(200);
      const headers = { "x-csrf": "1", "sec-fetch-site": "same-origin" };
      expect((await fetch(`${gateway.origin}/api/x`, { headers })).status).toBe(200);
      expect(await gateway.readiness("bearer")).toMatchObject({ status: "degraded" });
    },
  );

  it("an introspection endpoint that responds again is used within a second or two, and readiness is ok", async () => {
    raw = (response) => void response.writeHead(500).end();
    for (const token of ["a", "b", "c"]) await send(token);
    raw = undefined;
    await expect.poll(async () => (await send("d")).status, { interval: 200 }).toBe(200);
    await expect.poll(async () => (await gateway.readiness("bearer")).status).toBe("ok");
  });

  it("an introspection endpoint that cannot read one token does not fail others", async () => {
    raw = (response) =>
      void response.writeHead(400, { "content-type": "application/json" }).end('{"error":"invalid_request"}');
    for (const token of ["a", "b", "c", "d", "e"]) expect((await send(token)).status).toBe(401);
    raw = undefined;
    expect((await send("good")).status).toBe(200);
  });

  it.each([...FAULTS.filter(([name]) => name !== "closes the connection")])(
    "an introspection endpoint that %s for the tokens of one client does not fail those of others",
    async (_name, fault) => {
      raw = (response, call) => {
        if (call.token.startsWith("strange")) return fault(response);
        response.setHeader("content-type", "application/json").end(JSON.stringify(respond(call)));
      };
      for (const id of "abcdefgh") expect((await send(`strange-${id}`)).status).toBe(503);
      expect((await send("good")).status).toBe(200);
      expect(await gateway.readiness("bearer")).toMatchObject({ status: "ok" });
    },
  );

  it("an introspection endpoint that the metadata does not name is reported before the first request, with the cure", async () => {
    provider.overrides = {};
    const at = await start({});
    const { status, detail } = await at.readiness("bearer");
    expect(status).toBe("degraded");
    expect(detail).toMatch(
      /access tokens for \/\S+ cannot be validated: .*introspection_endpoint.*bearer\.introspection/,
    );
    expect((await send("token", { at })).status).toBe(503);
  });
});
