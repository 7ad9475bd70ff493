// Keycloak's standard token exchange: a token for one API's audience in place of the user's own.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { call, logIn } from "../support/pages.ts";
import { expect, test } from "../support/test.ts";
import type { World } from "../support/world.ts";

function upstreamsOf({ apiUrl }: World): Record<string, string> {
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

test("a user's token is exchanged for one that the API takes; what Keycloak refuses logs nobody out", async ({
  page,
  world,
  newUser,
  newGateway,
}) => {
  const user = await newUser();
  const gateway = await newGateway({
    clientAttributes: { "standard.token.exchange.enabled": "true" },
    env: upstreamsOf(world),
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
  expect((again.body["user"] as Record<string, unknown>)["jti"], "one exchange for many requests").toBe(
    exchangedUser?.["jti"],
  );

  // Optional client scopes come only where they are asked for.
  expect(exchangedUser).not.toHaveProperty("preferred_username");
  const named = await call(page, "/api/named/protected?message=named");
  expect(named.body["user"]).toMatchObject({ sub: ownUser?.["sub"], preferred_username: user.username });

  const refused = await call(page, "/api/unreachable/protected?message=x");
  expect(refused).toMatchObject({ status: 503, body: { code: "provider_unavailable" } });
  expect((await call(page, "/api/protected?message=still")).status).toBe(200);
});

test("a client that may not exchange gets 503 for that API alone", async ({ page, world, newUser, newGateway }) => {
  const gateway = await newGateway({ env: upstreamsOf(world) });
  await logIn(page, gateway.origin, await newUser());
  const refused = await call(page, "/api/exchanged/protected?message=x");
  expect(refused).toMatchObject({ status: 503, body: { code: "provider_unavailable" } });
  expect((await call(page, "/api/protected?message=still")).status).toBe(200);
});
