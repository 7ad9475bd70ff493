// DPoP with the embedded provider and a resource server that validates proofs: the whole life of a session, tokens for other
// audiences, and I1 for the private keys.
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { Redis } from "ioredis";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createDpopVerifier, type DpopVerifier } from "@cloakroom/testing/dpop-verifier.ts";
import type { TestBrowser } from "@cloakroom/testkit/browser.ts";
import { sealersOf, testKeys } from "@cloakroom/testkit/stored-session.ts";
import { startTestSystem, type TestSystem } from "@cloakroom/testkit/system.ts";
import { sessionKeyOf } from "../../src/session/session.ts";
import { createVault } from "../../src/tokens/vault.ts";

type Call = { token: string; proof: string; jkt: string | undefined; url: string };

let system: TestSystem;
let api: Server;
let apiOrigin: string;
let verifier: DpopVerifier;
const calls: Call[] = [];
/** Tokens that the API rejects although their proof is valid. */
const rejectedTokens = new Set<string>();
/** The nonce of a rejection is outdated when it arrives. */
let rotatesAfterRejection = false;
const seen: string[] = [];

beforeAll(async () => {
  verifier = createDpopVerifier({ requireNonce: true });
  api = createServer((request, response) => {
    const [scheme, token = ""] = (request.headers.authorization ?? "").split(" ");
    const { cnf } = decodeJwt(token) as { cnf?: { jkt?: string } };
    const proof = scheme === "DPoP" ? String(request.headers["dpop"]) : undefined;
    calls.push({ token, proof: proof ?? "", jkt: cnf?.jkt, url: request.url ?? "" });
    const url = apiOrigin + (request.url ?? "").split("?")[0];
    const call = { proof, method: request.method ?? "", url, accessToken: token, jkt: cnf?.jkt };
    void verifier.verify(call).then((verdict) => {
      const nonce = { "dpop-nonce": verifier.nonce() ?? "" };
      if (verdict.kind === "accepted" && rejectedTokens.has(token)) {
        if (rotatesAfterRejection) verifier.rotateNonce();
        return response.writeHead(401, { ...nonce, "www-authenticate": 'DPoP error="invalid_token"' }).end();
      }
      if (verdict.kind === "accepted") return response.writeHead(200, nonce).end("{}");
      return response.writeHead(401, { ...nonce, "www-authenticate": `DPoP error="${verdict.error}"` }).end();
    });
  });
  api.listen(0, "127.0.0.1");
  await once(api, "listening");
  apiOrigin = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  system = await startTestSystem({
    instances: 2,
    dpop: { requireNonce: true },
    exchangeAudiences: ["orders"],
    upstreams: () => [
      { prefix: "/api", baseUrl: apiOrigin },
      { prefix: "/api/orders", baseUrl: apiOrigin, audience: "orders" },
      { prefix: "/api/own", baseUrl: apiOrigin, token: "client" },
    ],
  });
});
afterAll(async () => {
  await system.stop();
  api.closeAllConnections();
  api.close();
});
beforeEach(() => {
  calls.length = 0;
  rotatesAfterRejection = false;
});

const keep = async (response: Response): Promise<Response> => {
  seen.push(JSON.stringify([...response.headers]), await response.text());
  return response;
};
const loggedIn = async (username = "alice"): Promise<TestBrowser> => {
  const browser = system.browser(username);
  expect((await keep(await browser.login())).status, system.gateway.log.join("")).toBe(303);
  return browser;
};
const statusOf = async (browser: TestBrowser, path: string, init?: Parameters<TestBrowser["fetch"]>[1]) =>
  (await keep(await browser.fetch(path, init))).status;

describe("a session with DPoP", () => {
  it("login, requests on two instances, refreshes and logout succeed with a provider and an API that demand nonces", async () => {
    system.provider.lifetimes.accessTokenSeconds = 2;
    const alice = await loggedIn();
    expect(await statusOf(alice, "/api/x")).toBe(200);
    expect(await statusOf(alice, "/api/x", { method: "POST", body: "text" })).toBe(200);
    alice.useInstance(system.gateways[1]!.origin);
    expect(await statusOf(alice, "/api/x")).toBe(200);
    const first = calls.at(-1)!.token;
    const refreshes = system.provider.count("token:refresh_token");
    await expect
      .poll(
        async () => {
          expect(await statusOf(alice, "/api/x")).toBe(200);
          return calls.at(-1)!.token;
        },
        { timeout: 15_000, interval: 200 },
      )
      .not.toBe(first);
    expect(system.provider.count("token:refresh_token")).toBeGreaterThan(refreshes);
    system.provider.lifetimes.accessTokenSeconds = 60;
    verifier.rotateNonce();
    expect(await statusOf(alice, "/api/x")).toBe(200);
    expect(new Set(calls.map(({ jkt }) => jkt)).size).toBe(1);
    expect(system.provider.count("refresh-token-reuse")).toBe(0);
    const logout = await alice.fetch("/bff/logout", { method: "POST", headers: { accept: "application/json" } });
    expect((await keep(logout)).status).toBe(200);
    expect(await statusOf(alice, "/api/x")).toBe(401);
  });

  it("a token that the API rejects is renewed, and the request is repeated with a proof and a new nonce", async () => {
    const alice = await loggedIn();
    expect(await statusOf(alice, "/api/x")).toBe(200);
    const first = calls.at(-1)!;
    rejectedTokens.add(first.token);
    verifier.rotateNonce();
    calls.length = 0;
    expect(await statusOf(alice, "/api/x")).toBe(200);
    const last = calls.at(-1)!;
    expect([last.jkt, last.token === first.token]).toEqual([first.jkt, false]);
    expect(decodeJwt(last.proof)["ath"]).not.toBe(decodeJwt(first.proof)["ath"]);
    // One for the nonce of the old token, one for its rejection, one with the new token.
    expect(calls).toHaveLength(3);
  });

  it("a request with a renewed token is repeated with a nonce, although the one with the old token was too", async () => {
    const alice = await loggedIn();
    expect(await statusOf(alice, "/api/x")).toBe(200);
    rejectedTokens.add(calls.at(-1)!.token);
    verifier.rotateNonce();
    rotatesAfterRejection = true;
    calls.length = 0;
    expect(await statusOf(alice, "/api/x")).toBe(200);
    // Two with the old token and two with the new one: each time the second has the new nonce.
    expect([calls.length, new Set(calls.map(({ token }) => token)).size]).toEqual([4, 2]);
  });

  it("a stolen access token without a proof, or with another key's proof, gets 401 from the API", async () => {
    const [alice, admin] = [await loggedIn(), await loggedIn("admin")];
    await statusOf(alice, "/api/x");
    const stolen = calls.at(-1)!;
    await statusOf(admin, "/api/x");
    const others = calls.at(-1)!;
    const attempts = [
      { authorization: `Bearer ${stolen.token}` },
      { authorization: `DPoP ${stolen.token}` },
      // A replayed proof.
      { authorization: `DPoP ${stolen.token}`, dpop: stolen.proof },
      { authorization: `DPoP ${stolen.token}`, dpop: others.proof },
    ];
    for (const headers of attempts) expect((await fetch(`${apiOrigin}/x`, { headers })).status).toBe(401);
  });

  it("an exchanged token is bound to the session's key", async () => {
    const alice = await loggedIn();
    expect(await statusOf(alice, "/api/x")).toBe(200);
    expect(await statusOf(alice, "/api/orders/1")).toBe(200);
    const [own, exchanged] = [calls.find(({ url }) => url === "/x"), calls.find(({ url }) => url === "/1")];
    expect(exchanged!.jkt).toBe(own!.jkt);
    expect(decodeJwt(exchanged!.token).aud).toBe("orders");
  });

  it("the gateway's own token is bound to a key of the gateway, which is no session's", async () => {
    const alice = await loggedIn();
    expect(await statusOf(alice, "/api/x")).toBe(200);
    const session = calls.at(-1)!.jkt;
    expect(await statusOf(alice, "/api/own/x")).toBe(200);
    expect(calls.at(-1)!.jkt).toMatch(/^[\w-]{43}$/);
    expect(calls.at(-1)!.jkt).not.toBe(session);
  });
});

describe("I1: the private key of a session", () => {
  /** The keys of all live sessions of the browser, read as only the gateway can. */
  const keyOf = async (browser: TestBrowser, redis: Redis): Promise<string> => {
    const sessionId = browser.cookies.get("__Host-Http-session") ?? "";
    const names = await redis.keys(`*${sessionKeyOf(sessionId)}*`);
    const records = await Promise.all(
      names.map(async (name) => [(await redis.type(name)) === "hash" ? await redis.hgetall(name) : {}]),
    );
    const vault = createVault(sealersOf(testKeys));
    const opened = records
      .flatMap(([record]) => Object.values(record ?? {}))
      .map((value) => vault.open(value, sessionId))
      .find((tokens) => tokens !== undefined);
    return opened?.proofKey?.d ?? "";
  };

  it("I1: the private key of a session is in no response, log line, upstream request, token request or, in clear text, in Redis", async () => {
    const alice = await loggedIn();
    expect(await statusOf(alice, "/api/x")).toBe(200);
    expect(await statusOf(alice, "/bff/user")).toBe(200);
    const redis = new Redis(system.redis.url);
    const d = await keyOf(alice, redis);
    expect(d).toMatch(/^[\w-]{43}$/);
    const dump = await Promise.all(
      (await redis.keys("*")).map(async (name) =>
        (await redis.type(name)) === "hash" ? JSON.stringify(await redis.hgetall(name)) : name,
      ),
    );
    const heads = calls.map(({ proof }) => JSON.stringify(proof === "" ? {} : decodeProtectedHeader(proof)));
    const logs = system.gateways.flatMap(({ log }) => log);
    const everything = [...dump, ...heads, ...logs, ...seen, ...alice.setCookies].join("\n");
    expect(everything).not.toContain(d);
    for (const head of heads) expect(JSON.parse(head)).not.toHaveProperty("jwk.d");
    redis.disconnect();
  });
});
