import { createHmac, createPublicKey, type JsonWebKey } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { User } from "@cloakroom/testing/provider/types.ts";
import { knownUser, startHarness, type Harness } from "./api-harness.ts";
import { logIn } from "@cloakroom/testing/provider-client.ts";

let harness: Harness;
let alice: User;

beforeAll(async () => {
  harness = await startHarness();
  alice = knownUser(harness.provider, "alice");
});
afterAll(() => harness.stop());

const path = "/protected?message=a";
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

test("without a token it asks for one and names no error", async () => {
  const response = await harness.call(path);
  expect(response.status).toBe(401);
  expect(response.headers.get("www-authenticate")).toBe('Bearer realm="resource-api"');
});

test("takes the access token that a login brings, and neither its ID token nor its refresh token", async () => {
  const { tokens } = await logIn(harness.provider);
  expect((await harness.call(path, tokens.access_token)).status).toBe(200);
  expect((await harness.call(path, tokens.id_token)).status).toBe(401);
  expect((await harness.call(path, tokens.refresh_token)).status).toBe(401);
});

const nowSeconds = Math.floor(Date.now() / 1000);

test.each([
  ["expired", { exp: nowSeconds - 10 }, {}, "expired"],
  ["without expiry", { exp: undefined }, {}, "exp"],
  ["of another issuer", { iss: "http://127.0.0.1:1" }, {}, "iss"],
  ["for another audience", { aud: "http://localhost:8001" }, {}, "audience"],
  ["for another audience that begins alike", { aud: "http://localhost:8000.evil.example" }, {}, "audience"],
  ["not valid yet", { nbf: nowSeconds + 60 }, {}, "nbf"],
  ["of the ID type at Keycloak", { typ: "ID" }, { typ: "JWT" }, "not an access token"],
  ["with an ID token's nonce", { nonce: "n" }, { typ: "JWT" }, "not an access token"],
  ["of the logout type", {}, { typ: "logout+jwt" }, "not an access token"],
  ["without a type", {}, { typ: undefined }, "not an access token"],
  ["of a key nobody knows", {}, { kid: "unknown" }, "unknown key"],
])("refuses a token %s", async (_title, claims, header, reason) => {
  const response = await harness.call(path, await harness.token(alice, claims, header));
  expect(response.status).toBe(401);
  expect(response.headers.get("www-authenticate")).toMatch(/error="invalid_token", error_description="[^"]+"$/);
  expect(((await response.json()) as { detail: string }).detail).toContain(reason);
});

test("takes a token of type JWT, as Keycloak issues them", async () => {
  const token = await harness.token(alice, { typ: "Bearer" }, { typ: "JWT" });
  expect((await harness.call(path, token)).status).toBe(200);
});

test("refuses a changed payload, no signature, and the public key used as a secret", async () => {
  const [header = "", payload = "", signature = ""] = (await harness.token(alice)).split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as object;
  const raised = encode({ ...claims, roles: ["admin"] });
  const jwks = (await (await fetch(`${harness.provider.issuer}/jwks`)).json()) as { keys: JsonWebKey[] };
  const pem = createPublicKey({ key: jwks.keys[0] ?? {}, format: "jwk" }).export({ type: "spki", format: "pem" });
  const hmac = `${encode({ alg: "HS256", typ: "at+jwt" })}.${raised}`;
  const forgeries = [
    `${header}.${raised}.${signature}`,
    `${encode({ alg: "none", typ: "at+jwt" })}.${raised}.`,
    `${hmac}.${createHmac("sha256", pem).update(hmac).digest("base64url")}`,
    "not-a-token",
    "a.b.c",
  ];
  const statuses = await Promise.all(forgeries.map(async (each) => (await harness.call(path, each)).status));
  expect(statuses).toEqual([401, 401, 401, 401, 401]);
});

test("keys that cannot be fetched are an outage, not a refusal, and it heals by itself", async () => {
  const late = await startHarness();
  try {
    const token = await late.token(knownUser(late.provider, "alice"));
    await late.provider.down();
    const response = await late.call(path, token);
    expect(response.status).toBe(503);
    expect(response.headers.get("www-authenticate")).toBeNull();
    await late.provider.up();
    late.provider.faults.set({ endpoint: "jwks", status: 500, times: 1 });
    expect((await late.call(path, token)).status).toBe(503);
    expect((await late.call(path, token)).status).toBe(200);
  } finally {
    await late.stop();
  }
});

test("takes tokens of a new key without a restart", async () => {
  const rotating = await startHarness();
  try {
    const user = knownUser(rotating.provider, "alice");
    expect((await rotating.call(path, await rotating.token(user))).status).toBe(200);
    await rotating.provider.rotateKeys();
    const token = await rotating.token(user);
    await expect.poll(async () => (await rotating.call(path, token)).status, { timeout: 5_000 }).toBe(200);
  } finally {
    await rotating.stop();
  }
});

test("two users who call at once 200 times each never see the other's claims", async () => {
  const users = [alice, knownUser(harness.provider, "admin")];
  const tokens = await Promise.all(users.map((user) => harness.token(user)));
  const calls = Array.from({ length: 400 }, async (_, index) => {
    const user = users[index % 2];
    const response = await harness.call(`/protected?message=${index}`, tokens[index % 2]);
    const answer = (await response.json()) as { message: string; user: { sub: string; department: string } };
    return (
      answer.message === `${index}Received` &&
      answer.user.sub === user?.sub &&
      answer.user.department === user.department
    );
  });
  expect((await Promise.all(calls)).filter((isTheirs) => !isTheirs)).toEqual([]);
});
