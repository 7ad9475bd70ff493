// DPoP-bound access tokens of clients (RFC 9449 §7), through real sockets, over two instances with one Redis.
import { hash } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startTestSystem, type TestSystem } from "@cloakroom/testkit/system.ts";

import { rawRequest } from "./raw-request.ts";

type Members = Record<string, unknown>;

const AUDIENCE = "https://orders.example";
let system: TestSystem;
const key = await generateKeyPair("ES256", { extractable: true });
const other = await generateKeyPair("ES256", { extractable: true });
const jwk = await exportJWK(key.publicKey);
const otherJwk = await exportJWK(other.publicKey);
const jkt = await calculateJwkThumbprint(jwk);

beforeAll(async () => {
  const bearer = { audience: AUDIENCE };
  system = await startTestSystem({
    instances: 2,
    upstreams: (baseUrl) => [
      { prefix: "/bound", baseUrl, access: "bearer", bearer, webSocket: true },
      { prefix: "/bound/proof", baseUrl, access: "bearer", bearer: { ...bearer, forwardProof: true } },
      { prefix: "/bound/only", baseUrl, access: "bearer", bearer: { ...bearer, dpop: "required" } },
      { prefix: "/both", baseUrl, access: "session-or-bearer", bearer },
    ],
  });
});
afterAll(async () => {
  await system.stop();
});
beforeEach(() => {
  system.received.length = 0;
});

const now = () => Math.floor(Date.now() / 1000);
const publicOrigin = () => system.gateway.config.publicOrigin;
const tokenOf = (claims: Members = {}): Promise<string> =>
  system.provider.sign(
    {
      ...{ iss: system.provider.issuer, sub: "robot", client_id: "robot", aud: AUDIENCE, iat: now(), exp: now() + 300 },
      ...{ jti: crypto.randomUUID(), cnf: { jkt }, ...claims },
    },
    { typ: "at+jwt" },
  );

type ProofChange = { claims?: Members; header?: Members; signer?: typeof key.privateKey };

async function proofFor(path: string, token: string, change: ProofChange = {}): Promise<string> {
  const claims = {
    jti: crypto.randomUUID(),
    htm: "GET",
    htu: publicOrigin() + path,
    iat: now(),
    ath: hash("sha256", token, "base64url"),
    ...change.claims,
  };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: "ES256", typ: "dpop+jwt", jwk, ...change.header })
    .sign(change.signer ?? key.privateKey);
}

type Sent = { scheme?: string; proof?: string | undefined; instance?: number; method?: string };

async function send(path: string, token: string, { scheme = "DPoP", proof, instance = 0, method }: Sent = {}) {
  const fields: [string, string][] = [
    ["host", new URL(publicOrigin()).host],
    ["authorization", `${scheme} ${token}`],
    ...[proof ?? []].flat().map((value): [string, string] => ["dpop", value]),
  ];
  const reply = await rawRequest(system.gateways[instance]!.origin + path, fields, method);
  return { ...reply, challenge: reply.challenges.join(", ") };
}

describe("a DPoP-bound token", () => {
  it("a DPoP-bound token with a proof is accepted, and forwarded with its scheme and without the proof", async () => {
    const token = await tokenOf();
    const { status } = await send("/bound/x?query=1", token, { proof: await proofFor("/bound/x", token) });
    expect(status).toBe(200);
    expect(system.received).toMatchObject([{ authorization: `DPoP ${token}`, dpop: "" }]);
  });

  it("a DPoP-bound token is forwarded with its proof where the row says so", async () => {
    const token = await tokenOf();
    const proof = await proofFor("/bound/proof/x", token);
    expect((await send("/bound/proof/x", token, { proof })).status).toBe(200);
    expect(system.received).toMatchObject([{ authorization: `DPoP ${token}`, dpop: proof }]);
  });

  it("a DPoP-bound token is accepted on a row that accepts sessions too, and on one that requires it", async () => {
    const token = await tokenOf();
    for (const path of ["/both/x", "/bound/only/x"])
      expect((await send(path, token, { proof: await proofFor(path, token) })).status).toBe(200);
  });

  it("a DPoP-bound token of the provider's client credentials grant is accepted", async () => {
    const endpoint = `${system.provider.issuer}/token`;
    const proof = await new SignJWT({ jti: crypto.randomUUID(), htm: "POST", htu: endpoint, iat: now() })
      .setProtectedHeader({ alg: "ES256", typ: "dpop+jwt", jwk })
      .sign(key.privateKey);
    const response = await fetch(endpoint, {
      method: "POST",
      headers: { authorization: `Basic ${btoa("cloakroom:a-client-secret-of-the-tests")}`, dpop: proof },
      body: new URLSearchParams({ grant_type: "client_credentials", resource: AUDIENCE }),
    });
    const { access_token: token, token_type: type } = (await response.json()) as Record<string, string>;
    expect(type).toBe("DPoP");
    const sent = await send("/bound/x", token!, { proof: await proofFor("/bound/x", token!) });
    expect(sent.status).toBe(200);
  });

  it("a DPoP-bound token is rejected as a bearer token", async () => {
    const token = await tokenOf();
    const proof = await proofFor("/bound/x", token);
    expect(await send("/bound/x", token, { scheme: "Bearer", proof })).toMatchObject({
      status: 401,
      body: { code: "invalid_token" },
    });
  });

  it("a DPoP-bound token that was accepted with a proof is not accepted from the cache without one", async () => {
    const token = await tokenOf();
    expect((await send("/bound/x", token, { proof: await proofFor("/bound/x", token) })).status).toBe(200);
    expect((await send("/bound/x", token)).status).toBe(401);
    expect((await send("/bound/x", token, { scheme: "Bearer" })).status).toBe(401);
    expect(system.received).toHaveLength(1);
  });

  it("a DPoP-bound token with a replayed proof is rejected, on every instance", async () => {
    const token = await tokenOf();
    const proof = await proofFor("/bound/x", token);
    expect((await send("/bound/x", token, { proof, instance: 1 })).status).toBe(200);
    for (const instance of [0, 1])
      expect((await send("/bound/x", token, { proof, instance })).body["code"]).toBe("invalid_dpop_proof");
    expect(system.received).toHaveLength(1);
  });

  it("a DPoP-bound token is rejected for all but one of several requests with one proof at the same time", async () => {
    const token = await tokenOf();
    const proof = await proofFor("/bound/x", token);
    const sent = await Promise.all(
      Array.from({ length: 8 }, (_, at) => send("/bound/x", token, { proof, instance: at % 2 })),
    );
    expect(sent.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  it.each<[string, ProofChange | undefined, string?]>([
    ["without a proof", undefined],
    ["with a proof for another method", {}, "POST"],
    ["with a proof for another path", { claims: { htu: "http://localhost/bound/y" } }],
    ["with a proof for the upstream's URL", { claims: { htu: "http://127.0.0.1:8000/x" } }],
    ["with a proof of another key", { signer: other.privateKey, header: { jwk: otherJwk } }],
    ["with a proof for another token", { claims: { ath: hash("sha256", "x", "base64url") } }],
    ["with an old proof", { claims: { iat: Math.floor(Date.now() / 1000) - 200 } }],
    ["with a proof that is an access token", { header: { typ: "at+jwt" } }],
  ])("%s is rejected with 401 invalid_dpop_proof", async (_name, change, method = "GET") => {
    const token = await tokenOf();
    const proof = change && (await proofFor("/bound/x", token, change));
    const { status, body, challenge } = await send("/bound/x", token, { proof, method });
    expect([status, body["code"]]).toEqual([401, "invalid_dpop_proof"]);
    expect(challenge).toMatch(/^DPoP realm="\/bound", error="invalid_dpop_proof", algs="RS256 /);
    expect(body["loginUrl"]).toBeUndefined();
    expect(system.received).toEqual([]);
    if (proof !== undefined) expect(system.gateway.log.join("")).not.toContain(proof);
  });

  it("a DPoP-bound token with two headers DPoP is rejected", async () => {
    const token = await tokenOf();
    const proofs = [await proofFor("/bound/x", token), await proofFor("/bound/x", token)];
    expect((await send("/bound/x", token, { proof: proofs.join(", ") })).body["code"]).toBe("invalid_dpop_proof");
  });
});

describe("a token that is bound to no key", () => {
  it("a token that is bound to no key is rejected with the scheme DPoP", async () => {
    const token = await tokenOf({ cnf: undefined });
    const sent = await send("/bound/x", token, { proof: await proofFor("/bound/x", token) });
    expect(sent).toMatchObject({ status: 401, body: { code: "invalid_token" } });
  });

  it("a token that is bound to no key is rejected on a row that requires bound tokens, with a challenge for DPoP only", async () => {
    const sent = await send("/bound/only/x", await tokenOf({ cnf: undefined }), { scheme: "Bearer" });
    expect(sent).toMatchObject({ status: 401, body: { code: "invalid_token" } });
    expect(sent.challenge).toMatch(/^DPoP realm="\/bound\/only"/);
    expect(sent.challenge).not.toContain("Bearer");
  });

  it("a proof sent with a token that is bound to no key is not forwarded", async () => {
    const token = await tokenOf({ cnf: undefined });
    const proof = await proofFor("/bound/proof/x", token);
    expect((await send("/bound/proof/x", token, { scheme: "Bearer", proof })).status).toBe(200);
    expect(system.received).toMatchObject([{ authorization: `Bearer ${token}`, dpop: "" }]);
  });
});

describe("an outage of Redis", () => {
  it("an outage of Redis makes requests with proofs 503, and does not affect bearer tokens", async () => {
    const bound = await tokenOf();
    const bearer = await tokenOf({ cnf: undefined });
    system.redis.pause();
    try {
      const proof = await proofFor("/bound/x", bound);
      expect(await send("/bound/x", bound, { proof })).toMatchObject({
        status: 503,
        body: { code: "store_unavailable" },
      });
      expect((await send("/bound/x", bearer, { scheme: "Bearer" })).status).toBe(200);
    } finally {
      system.redis.resume();
    }
    await expect
      .poll(async () => (await send("/bound/x", bound, { proof: await proofFor("/bound/x", bound) })).status)
      .toBe(200);
  });
});
