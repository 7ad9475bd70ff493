// What the realm refuses, asked of Keycloak itself and not of the file.
import { createHash, randomBytes } from "node:crypto";
import { fillLoginForm, submitWrongPassword } from "../support/pages.ts";
import { createClient } from "../support/realm-parts.ts";
import { expect, test } from "../support/test.ts";
import type { World } from "../support/world.ts";

const CALLBACK_ORIGIN = "http://localhost:9";

type Credentials = { clientId: string; secret: string };
type Form = Record<string, string>;

async function post({ keycloak }: World, path: string, client: Credentials | undefined, form: Form) {
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

const REFUSED: readonly [string, Form, RegExp][] = [
  ["a redirect URI with more path", { redirect_uri: `${CALLBACK_ORIGIN}/bff/callback/x` }, /redirect_uri/],
  ["a redirect URI with another port", { redirect_uri: "http://localhost:10/bff/callback" }, /redirect_uri/],
  ["a redirect URI with dot segments", { redirect_uri: `${CALLBACK_ORIGIN}/bff/callback/%2e%2e/x` }, /redirect_uri/],
  ["plain PKCE", { code_challenge_method: "plain" }, /code_challenge_method|code challenge method/i],
  ["the implicit flow", { response_type: "id_token token" }, /response_type|response type|implicit|not allowed/i],
  ["offline tokens", { scope: "openid offline_access" }, /scope/],
];

for (const [name, changes, reason] of REFUSED)
  test(`Keycloak refuses ${name}`, async ({ world, admin }) => {
    const client = await createClient(admin, CALLBACK_ORIGIN);
    const { status, body } = await post(world, "ext/par/request", client, authorization(client, changes));
    expect([400, 401]).toContain(status);
    expect(body["request_uri"]).toBeUndefined();
    expect(`${body["error"]} ${body["error_description"]}`).toMatch(reason);
  });

test("Keycloak refuses a request without PKCE", async ({ world, admin }) => {
  const client = await createClient(admin, CALLBACK_ORIGIN);
  const { code_challenge: _c, code_challenge_method: _m, ...request } = authorization(client);
  const { status, body } = await post(world, "ext/par/request", client, request);
  expect(status).toBe(400);
  expect(body["error_description"]).toMatch(/code_challenge/);
});

test("Keycloak refuses a request that the browser brings along", async ({ page, world, admin }) => {
  const client = await createClient(admin, CALLBACK_ORIGIN);
  const query = new URLSearchParams(authorization(client));
  const arrived = page.waitForRequest(`${CALLBACK_ORIGIN}/**`);
  await page.goto(`${world.keycloak.issuer}/protocol/openid-connect/auth?${query}`).catch(() => undefined);
  const answer = new URL((await arrived).url()).searchParams;
  expect(answer.get("error")).toBe("invalid_request");
  expect(answer.get("code")).toBeNull();
});

test("Keycloak gives no token for a password", async ({ world, admin, newUser }) => {
  const client = await createClient(admin, CALLBACK_ORIGIN);
  const { username, password } = await newUser();
  for (const asked of [client, undefined]) {
    const { status, body } = await post(world, "token", asked, {
      grant_type: "password",
      username,
      password,
      ...(asked === undefined ? { client_id: "admin-cli" } : {}),
    });
    expect(status).toBeGreaterThanOrEqual(400);
    expect(body["access_token"]).toBeUndefined();
  }
});

test("a refresh token that comes twice ends everything that came of its login", async ({
  page,
  world,
  admin,
  newUser,
}) => {
  const user = await newUser();
  const client = await createClient(admin, CALLBACK_ORIGIN);
  const codeVerifier = verifier();
  const request = authorization(client, { code_challenge: challengeOf(codeVerifier) });
  const pushed = await post(world, "ext/par/request", client, request);
  const query = new URLSearchParams({ client_id: client.clientId, request_uri: pushed.body["request_uri"] ?? "" });
  await page.goto(`${world.keycloak.issuer}/protocol/openid-connect/auth?${query}`);
  const arrived = page.waitForRequest(`${CALLBACK_ORIGIN}/**`);
  await fillLoginForm(page, user).catch(() => undefined);
  const code = new URL((await arrived).url()).searchParams.get("code") ?? "";
  const first = await post(world, "token", client, {
    grant_type: "authorization_code",
    code,
    code_verifier: codeVerifier,
    redirect_uri: `${CALLBACK_ORIGIN}/bff/callback`,
  });
  expect(first.status).toBe(200);
  const refresh = { grant_type: "refresh_token", refresh_token: first.body["refresh_token"] ?? "" };
  const second = await post(world, "token", client, refresh);
  expect(second.status).toBe(200);
  expect(await post(world, "token", client, refresh)).toMatchObject({
    status: 400,
    body: { error: "invalid_grant" },
  });
  const newest = { grant_type: "refresh_token", refresh_token: second.body["refresh_token"] ?? "" };
  expect(await post(world, "token", client, newest)).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
});

test("nobody registers a client without being asked", async ({ world }) => {
  const response = await fetch(`${world.keycloak.issuer}/clients-registrations/openid-connect`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ redirect_uris: ["https://elsewhere.example/callback"] }),
  });
  expect(response.status).toBe(403);
});

test("logins, failures and what administrators do are on record", async ({ page, world, admin, newUser }) => {
  const user = await newUser();
  await page.goto(`${world.gateway.origin}/bff/login`);
  await submitWrongPassword(page, { ...user, password: "wrong" });
  await fillLoginForm(page, user);
  await page.waitForURL(`${world.gateway.origin}/**`);
  const types = async () =>
    (await admin.get<{ type: string }[]>(`/demo/events?user=${user.id}`)).map(({ type }) => type).sort();
  await expect.poll(types).toEqual(["CODE_TO_TOKEN", "LOGIN", "LOGIN_ERROR"]);
  const changes = await admin.get<{ operationType: string }[]>(`/demo/admin-events?resourcePath=users/${user.id}`);
  expect(changes.map(({ operationType }) => operationType)).toContain("CREATE");
});
