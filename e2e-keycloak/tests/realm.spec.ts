// Security settings of the realm, tested by requests to Keycloak.
import { createHash, randomBytes } from "node:crypto";
import { fillLoginForm, submitWrongPassword } from "@cloakroom/testkit/keycloak/pages.ts";
import { createClient } from "@cloakroom/testkit/keycloak/realm-fixtures.ts";
import { expect, test } from "../support/test.ts";
import type { SharedSystem } from "@cloakroom/testkit/keycloak/shared-system.ts";

const CALLBACK_ORIGIN = "http://localhost:9";

type Credentials = { clientId: string; secret: string };
type Form = Record<string, string>;

async function post({ keycloak }: SharedSystem, path: string, client: Credentials | undefined, form: Form) {
  const response = await fetch(`${keycloak.issuer}/protocol/openid-connect/${path}`, {
    method: "POST",
    headers: client === undefined ? {} : { authorization: `Basic ${btoa(`${client.clientId}:${client.secret}`)}` },
    body: new URLSearchParams(form),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
}

const verifier = () => randomBytes(32).toString("base64url");
const challengeOf = (value: string) => createHash("sha256").update(value).digest("base64url");

const authorization = (client: Credentials, changes: Form = {}): Form => ({
  client_id: client.clientId,
  response_type: "code",
  scope: "openid profile email",
  redirect_uri: `${CALLBACK_ORIGIN}/bff/callback`,
  state: randomBytes(8).toString("hex"),
  nonce: randomBytes(8).toString("hex"),
  code_challenge: challengeOf(verifier()),
  code_challenge_method: "S256",
  ...changes,
});

const REJECTED: readonly [string, Form, RegExp][] = [
  ["a redirect URI with more path", { redirect_uri: `${CALLBACK_ORIGIN}/bff/callback/x` }, /redirect_uri/],
  ["a redirect URI with another port", { redirect_uri: "http://localhost:10/bff/callback" }, /redirect_uri/],
  ["a redirect URI with dot segments", { redirect_uri: `${CALLBACK_ORIGIN}/bff/callback/%2e%2e/x` }, /redirect_uri/],
  ["plain PKCE", { code_challenge_method: "plain" }, /code_challenge_method|code challenge method/i],
  ["the implicit flow", { response_type: "id_token token" }, /response_type|response type|implicit|not allowed/i],
  ["offline tokens", { scope: "openid offline_access" }, /scope/],
];

for (const [name, changes, reason] of REJECTED)
  test(`Keycloak rejects ${name}`, async ({ system, admin }) => {
    const client = await createClient(admin, CALLBACK_ORIGIN);
    const { status, body } = await post(system, "ext/par/request", client, authorization(client, changes));
    expect([400, 401]).toContain(status);
    expect(body["request_uri"]).toBeUndefined();
    expect(`${body["error"]} ${body["error_description"]}`).toMatch(reason);
  });

test("Keycloak rejects an authorization request without PKCE", async ({ system, admin }) => {
  const client = await createClient(admin, CALLBACK_ORIGIN);
  const { code_challenge: _c, code_challenge_method: _m, ...request } = authorization(client);
  const { status, body } = await post(system, "ext/par/request", client, request);
  expect(status).toBe(400);
  expect(body["error_description"]).toMatch(/code_challenge/);
});

test("Keycloak rejects an authorization request that was not pushed (PAR)", async ({ page, system, admin }) => {
  const client = await createClient(admin, CALLBACK_ORIGIN);
  const query = new URLSearchParams(authorization(client));
  const arrived = page.waitForRequest(`${CALLBACK_ORIGIN}/**`);
  await page.goto(`${system.keycloak.issuer}/protocol/openid-connect/auth?${query}`).catch(() => undefined);
  const callback = new URL((await arrived).url()).searchParams;
  expect(callback.get("error")).toBe("invalid_request");
  expect(callback.get("code")).toBeNull();
});

test("Keycloak rejects the password grant", async ({ system, admin, newUser }) => {
  const client = await createClient(admin, CALLBACK_ORIGIN);
  const { username, password } = await newUser();
  for (const credentials of [client, undefined]) {
    const { status, body } = await post(system, "token", credentials, {
      grant_type: "password",
      username,
      password,
      ...(credentials === undefined ? { client_id: "admin-cli" } : {}),
    });
    expect(status).toBeGreaterThanOrEqual(400);
    expect(body["access_token"]).toBeUndefined();
  }
});

test("reuse of a refresh token revokes all tokens of its login", async ({ page, system, admin, newUser }) => {
  const user = await newUser();
  const client = await createClient(admin, CALLBACK_ORIGIN);
  const codeVerifier = verifier();
  const request = authorization(client, { code_challenge: challengeOf(codeVerifier) });
  const pushed = await post(system, "ext/par/request", client, request);
  const query = new URLSearchParams({ client_id: client.clientId, request_uri: pushed.body["request_uri"] ?? "" });
  await page.goto(`${system.keycloak.issuer}/protocol/openid-connect/auth?${query}`);
  const arrived = page.waitForRequest(`${CALLBACK_ORIGIN}/**`);
  await fillLoginForm(page, user).catch(() => undefined);
  const code = new URL((await arrived).url()).searchParams.get("code") ?? "";
  const first = await post(system, "token", client, {
    grant_type: "authorization_code",
    code,
    code_verifier: codeVerifier,
    redirect_uri: `${CALLBACK_ORIGIN}/bff/callback`,
  });
  expect(first.status).toBe(200);
  const refresh = { grant_type: "refresh_token", refresh_token: first.body["refresh_token"] ?? "" };
  const second = await post(system, "token", client, refresh);
  expect(second.status).toBe(200);
  expect(await post(system, "token", client, refresh)).toMatchObject({
    status: 400,
    body: { error: "invalid_grant" },
  });
  const newest = { grant_type: "refresh_token", refresh_token: second.body["refresh_token"] ?? "" };
  expect(await post(system, "token", client, newest)).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
});

test("Keycloak rejects anonymous client registration with 403", async ({ system }) => {
  const response = await fetch(`${system.keycloak.issuer}/clients-registrations/openid-connect`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ redirect_uris: ["https://elsewhere.example/callback"] }),
  });
  expect(response.status).toBe(403);
});

test("logins, failed logins and admin operations are recorded as events", async ({ page, system, admin, newUser }) => {
  const user = await newUser();
  await page.goto(`${system.gateway.origin}/bff/login`);
  await submitWrongPassword(page, { ...user, password: "wrong" });
  await fillLoginForm(page, user);
  await page.waitForURL(`${system.gateway.origin}/**`);
  const types = async () =>
    (await admin.get<{ type: string }[]>(`/demo/events?user=${user.id}`)).map(({ type }) => type).sort();
  await expect.poll(types).toEqual(["CODE_TO_TOKEN", "LOGIN", "LOGIN_ERROR"]);
  const changes = await admin.get<{ operationType: string }[]>(`/demo/admin-events?resourcePath=users/${user.id}`);
  expect(changes.map(({ operationType }) => operationType)).toContain("CREATE");
});
