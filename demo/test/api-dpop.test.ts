// DPoP-bound access tokens at the resource API (RFC 9449 §7): a stolen token is rejected without its key.
import { generateKeyPairSync, hash, randomUUID, type KeyObject } from "node:crypto";
import { calculateJwkThumbprint, exportJWK, SignJWT, type JWK } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findUser, startApiSystem, type ApiSystem } from "./api-system.ts";

let system: ApiSystem;
let withNonces: ApiSystem;
let key: KeyObject;
let jwk: JWK;
let token: string;

beforeAll(async () => {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  key = pair.privateKey;
  jwk = await exportJWK(pair.publicKey);
  system = await startApiSystem();
  withNonces = await startApiSystem({ requireDpopNonce: true });
  token = await boundToken(system);
});
afterAll(() => Promise.all([system.stop(), withNonces.stop()]));

const boundToken = async ({ token: sign, provider }: ApiSystem): Promise<string> =>
  sign(findUser(provider, "alice"), { cnf: { jkt: await calculateJwkThumbprint(jwk) } });

type Proof = { claims?: Record<string, unknown>; header?: Record<string, unknown>; signer?: KeyObject };

async function proofFor(
  accessToken: string,
  url: string,
  { claims, header, signer = key }: Proof = {},
): Promise<string> {
  const honest = { jti: randomUUID(), htm: "GET", htu: url, ath: hash("sha256", accessToken, "base64url") };
  return new SignJWT({ ...honest, iat: Math.floor(Date.now() / 1000), ...claims })
    .setProtectedHeader({ alg: "ES256", typ: "dpop+jwt", jwk, ...header })
    .sign(signer);
}

const send = async ({ api }: ApiSystem, headers: Record<string, string>) =>
  fetch(`${api.url}/protected?message=a`, { headers });
const urlOf = ({ api }: ApiSystem) => `${api.url}/protected`;

test("a bound token with a proof of its key is accepted, once", async () => {
  const headers = { authorization: `DPoP ${token}`, dpop: await proofFor(token, urlOf(system)) };
  expect((await send(system, headers)).status).toBe(200);
  expect((await send(system, headers)).status).toBe(401);
});

test("a bound token with Keycloak's typ claim DPoP is accepted", async () => {
  const claims = { typ: "DPoP", cnf: { jkt: await calculateJwkThumbprint(jwk) } };
  const issued = await system.token(findUser(system.provider, "alice"), claims, { typ: "JWT" });
  const headers = { authorization: `DPoP ${issued}`, dpop: await proofFor(issued, urlOf(system)) };
  expect((await send(system, headers)).status).toBe(200);
});

test("a bound token without a proof, or as a bearer token, is rejected", async () => {
  expect((await send(system, { authorization: `DPoP ${token}` })).status).toBe(401);
  const response = await send(system, { authorization: `Bearer ${token}`, dpop: await proofFor(token, urlOf(system)) });
  expect(response.status).toBe(401);
  expect(response.headers.get("www-authenticate")).toMatch(/^DPoP .*error="invalid_dpop_proof"$/);
});

test("a bearer token is still accepted, but not with the scheme DPoP", async () => {
  const bearer = await system.token(findUser(system.provider, "alice"));
  expect((await send(system, { authorization: `Bearer ${bearer}` })).status).toBe(200);
  const proof = await proofFor(bearer, urlOf(system));
  expect((await send(system, { authorization: `DPoP ${bearer}`, dpop: proof })).status).toBe(401);
});

const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
const seconds = Math.floor(Date.now() / 1000);
test.each<[string, Proof]>([
  ["another method", { claims: { htm: "POST" } }],
  ["another URL", { claims: { htu: "http://127.0.0.1:1/protected" } }],
  ["another access token", { claims: { ath: hash("sha256", "other", "base64url") } }],
  ["no access token", { claims: { ath: undefined } }],
  ["a time in the past", { claims: { iat: seconds - 300 } }],
  ["a time in the future", { claims: { iat: seconds + 300 } }],
  ["another type", { header: { typ: "JWT" } }],
  ["no key", { header: { jwk: undefined } }],
  ["another key", { header: { jwk: other.publicKey.export({ format: "jwk" }) }, signer: other.privateKey }],
  ["a signature of another key", { signer: other.privateKey }],
])("a proof with %s is rejected", async (_title, proof) => {
  const headers = { authorization: `DPoP ${token}`, dpop: await proofFor(token, urlOf(system), proof) };
  expect((await send(system, headers)).status).toBe(401);
});

test("with nonces, a proof without one is rejected with use_dpop_nonce and accepted with the nonce of that response", async () => {
  const bound = await boundToken(withNonces);
  const authorization = `DPoP ${bound}`;
  const rejected = await send(withNonces, { authorization, dpop: await proofFor(bound, urlOf(withNonces)) });
  expect(rejected.status).toBe(401);
  expect(rejected.headers.get("www-authenticate")).toContain('error="use_dpop_nonce"');
  const nonce = rejected.headers.get("dpop-nonce") ?? "";
  const proof = await proofFor(bound, urlOf(withNonces), { claims: { nonce } });
  expect((await send(withNonces, { authorization, dpop: proof })).status).toBe(200);
  withNonces.api.rotateDpopNonce();
  const old = await proofFor(bound, urlOf(withNonces), { claims: { nonce } });
  expect((await send(withNonces, { authorization, dpop: old })).status).toBe(401);
});
