// Standard token exchange at Keycloak (RFC 8693): the API receives a token for its own audience.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { call, logIn } from "@cloakroom/testkit/keycloak/pages.ts";
import { expect, test } from "../support/test.ts";
import type { SharedSystem } from "@cloakroom/testkit/keycloak/shared-system.ts";

function upstreamsOf({ apiUrl }: SharedSystem): Record<string, string> {
  const file = join(mkdtempSync(join(tmpdir(), "cloakroom-exchange-")), "upstreams.json");
  const rows = [
    { prefix: "/api", baseUrl: apiUrl },
    { prefix: "/api/exchanged", baseUrl: apiUrl, audience: "resource-api" },
    { prefix: "/api/named", baseUrl: apiUrl, audience: "resource-api", scope: "profile" },
    { prefix: "/api/unreachable", baseUrl: apiUrl, audience: "account" },
  ];
  writeFileSync(file, JSON.stringify(rows));
  return { UPSTREAMS: "", UPSTREAMS_FILE: file };
}

test("the user's token is exchanged for the API's audience once per lifetime, and a rejected exchange keeps the session", async ({
  page,
  system,
  newUser,
  newGateway,
}) => {
  const user = await newUser();
  const gateway = await newGateway({
    clientAttributes: { "standard.token.exchange.enabled": "true" },
    env: upstreamsOf(system),
  });
  await logIn(page, gateway.origin, user);
  const own = await call(page, "/api/protected?message=own");
  const exchanged = await call(page, "/api/exchanged/protected?message=exchanged");
  expect([own.status, exchanged.status]).toEqual([200, 200]);
  const [ownUser, exchangedUser] = [own.body["user"], exchanged.body["user"]] as Record<string, unknown>[];
  expect(exchangedUser).toMatchObject({ aud: "resource-api", azp: ownUser?.["azp"], roles: ["user"] });
  expect(exchangedUser?.["sub"]).toBe(ownUser?.["sub"]);
  expect(exchangedUser?.["jti"]).not.toBe(ownUser?.["jti"]);
  const again = await call(page, "/api/exchanged/protected?message=again");
  expect((again.body["user"] as Record<string, unknown>)["jti"], "jti of a second request").toBe(
    exchangedUser?.["jti"],
  );

  // Optional client scopes are granted only on request.
  expect(exchangedUser).not.toHaveProperty("preferred_username");
  const named = await call(page, "/api/named/protected?message=named");
  expect(named.body["user"]).toMatchObject({ sub: ownUser?.["sub"], preferred_username: user.username });

  const rejected = await call(page, "/api/unreachable/protected?message=x");
  expect(rejected).toMatchObject({ status: 503, body: { code: "provider_unavailable" } });
  expect((await call(page, "/api/protected?message=still")).status).toBe(200);
});

test("a client without the exchange permission gets a 503 for the exchanged API only", async ({
  page,
  system,
  newUser,
  newGateway,
}) => {
  const gateway = await newGateway({ env: upstreamsOf(system) });
  await logIn(page, gateway.origin, await newUser());
  const rejected = await call(page, "/api/exchanged/protected?message=x");
  expect(rejected).toMatchObject({ status: 503, body: { code: "provider_unavailable" } });
  expect((await call(page, "/api/protected?message=still")).status).toBe(200);
});
