import { createHmac, createPublicKey, type JsonWebKey } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { User } from "@cloakroom/testing/provider/types.ts";
import { findUser, startApiSystem, type ApiSystem } from "./api-system.ts";
import { logIn } from "@cloakroom/testing/provider-client.ts";

let system: ApiSystem;
let alice: User;

beforeAll(async () => {
  system = await startApiSystem();
  alice = findUser(system.provider, "alice");
});
afterAll(() => system.stop());

const path = "/protected?message=a";
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

test("a request without a token gets a challenge without an error code", async () => {
  const response = await system.fetch(path);
  expect(response.status).toBe(401);
  expect(response.headers.get("www-authenticate")).toBe('Bearer realm="resource-api"');
});

test("the access token of a login is accepted, its ID token and refresh token are rejected", async () => {
  const { tokens } = await logIn(system.provider);
  expect((await system.fetch(path, tokens.access_token)).status).toBe(200);
  expect((await system.fetch(path, tokens.id_token)).status).toBe(401);
  expect((await system.fetch(path, tokens.refresh_token)).status).toBe(401);
});

const nowSeconds = Math.floor(Date.now() / 1000);

test.each([
  ["that has expired", { exp: nowSeconds - 10 }, {}, "expired"],
  ["without expiry", { exp: undefined }, {}, "exp"],
  ["of another issuer", { iss: "http://127.0.0.1:1" }, {}, "iss"],
  ["for another audience", { aud: "http://localhost:8001" }, {}, "audience"],
  ["for another audience with the same prefix", { aud: "http://localhost:8000.evil.example" }, {}, "audience"],
  ["that is not valid yet", { nbf: nowSeconds + 60 }, {}, "nbf"],
  ["with Keycloak's typ claim ID", { typ: "ID" }, { typ: "JWT" }, "not an access token"],
  ["with a nonce, like an ID token", { nonce: "n" }, { typ: "JWT" }, "not an access token"],
  ["of type logout+jwt", {}, { typ: "logout+jwt" }, "not an access token"],
  ["without a type", {}, { typ: undefined }, "not an access token"],
  ["with an unknown kid", {}, { kid: "unknown" }, "unknown key"],
])("a token %s is rejected", async (_title, claims, header, reason) => {
  const response = await system.fetch(path, await system.token(alice, claims, header));
  expect(response.status).toBe(401);
  expect(response.headers.get("www-authenticate")).toMatch(/error="invalid_token", error_description="[^"]+"$/);
  expect(((await response.json()) as { detail: string }).detail).toContain(reason);
});

test("a token of type JWT, as issued by Keycloak, is accepted", async () => {
  const token = await system.token(alice, { typ: "Bearer" }, { typ: "JWT" });
  expect((await system.fetch(path, token)).status).toBe(200);
});

test("tokens with a changed payload, without a signature or signed with the public key as secret are rejected", async () => {
  const [header = "", payload = "", signature = ""] = (await system.token(alice)).split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as object;
  const escalated = encode({ ...claims, roles: ["admin"] });
  const jwks = (await (await fetch(`${system.provider.issuer}/jwks`)).json()) as { keys: JsonWebKey[] };
  const pem = createPublicKey({ key: jwks.keys[0] ?? {}, format: "jwk" }).export({ type: "spki", format: "pem" });
  const hmac = `${encode({ alg: "HS256", typ: "at+jwt" })}.${escalated}`;
  const forgeries = [
    `${header}.${escalated}.${signature}`,
    `${encode({ alg: "none", typ: "at+jwt" })}.${escalated}.`,
    `${hmac}.${createHmac("sha256", pem).update(hmac).digest("base64url")}`,
    "not-a-token",
    "a.b.c",
  ];
  const statuses = await Promise.all(forgeries.map(async (each) => (await system.fetch(path, each)).status));
  expect(statuses).toEqual([401, 401, 401, 401, 401]);
});

test("keys that cannot be fetched cause 503 until the provider is back", async () => {
  const own = await startApiSystem();
  try {
    const token = await own.token(findUser(own.provider, "alice"));
    await own.provider.down();
    const response = await own.fetch(path, token);
    expect(response.status).toBe(503);
    expect(response.headers.get("www-authenticate")).toBeNull();
    await own.provider.up();
    own.provider.faults.set({ endpoint: "jwks", status: 500, times: 1 });
    expect((await own.fetch(path, token)).status).toBe(503);
    expect((await own.fetch(path, token)).status).toBe(200);
  } finally {
    await own.stop();
  }
});

test("tokens signed with a rotated key are accepted without a restart", async () => {
  const rotating = await startApiSystem();
  try {
    const user = findUser(rotating.provider, "alice");
    expect((await rotating.fetch(path, await rotating.token(user))).status).toBe(200);
    await rotating.provider.rotateKeys();
    const token = await rotating.token(user);
    await expect.poll(async () => (await rotating.fetch(path, token)).status, { timeout: 5_000 }).toBe(200);
  } finally {
    await rotating.stop();
  }
});

test("400 concurrent requests of two users each return the claims of their own user", async () => {
  const users = [alice, findUser(system.provider, "admin")];
  const tokens = await Promise.all(users.map((user) => system.token(user)));
  const calls = Array.from({ length: 400 }, async (_, index) => {
    const user = users[index % 2];
    const response = await system.fetch(`/protected?message=${index}`, tokens[index % 2]);
    const body = (await response.json()) as { message: string; user: { sub: string; department: string } };
    return (
      body.message === `${index}Received` && body.user.sub === user?.sub && body.user.department === user.department
    );
  });
  expect((await Promise.all(calls)).filter((isOwn) => !isOwn)).toEqual([]);
});
