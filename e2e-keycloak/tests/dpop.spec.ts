// DPoP at Keycloak (RFC 9449): a client that requires bound tokens, and an API that validates proofs.
import { call, logIn, logOut } from "@cloakroom/testkit/keycloak/pages.ts";
import { listProviderSessions } from "@cloakroom/testkit/keycloak/realm-fixtures.ts";
import { expect, test } from "../support/test.ts";

test("DPoP: login, API calls, refreshes and logout succeed with tokens that are bound to one key", async ({
  page,
  newUser,
  newGateway,
  admin,
}) => {
  const user = await newUser();
  const gateway = await newGateway({
    clientAttributes: { "dpop.bound.access.tokens": "true", "access.token.lifespan": "4" },
    env: { OIDC_SENDER_CONSTRAINED: "dpop" },
  });
  await logIn(page, gateway.origin, user);
  const tokens = new Set<unknown>();
  const keys = new Set<unknown>();
  await expect
    .poll(
      async () => {
        const { status, body } = await call(page, "/api/protected?message=bound");
        expect(status).toBe(200);
        const claims = body["user"] as { jti?: string; cnf?: { jkt?: string } };
        tokens.add(claims.jti);
        keys.add(claims.cnf?.jkt);
        return tokens.size;
      },
      { timeout: 30_000 },
    )
    .toBeGreaterThanOrEqual(3);
  expect([...keys]).toEqual([expect.stringMatching(/^[\w-]{43}$/)]);
  expect((await call(page, "/api/echo?a=b", "POST")).status).toBe(200);
  await logOut(page, gateway.origin);
  expect(await listProviderSessions(admin, user)).toEqual([]);
});

test("DPoP: a client that requires bound tokens and a gateway without DPoP is one sentence in the log, not a login", async ({
  page,
  newUser,
  newGateway,
}) => {
  const gateway = await newGateway({ clientAttributes: { "dpop.bound.access.tokens": "true" } });
  const user = await newUser();
  const callback = page.waitForResponse((response) => response.url().includes("/bff/callback"));
  await logIn(page, gateway.origin, user);
  expect((await callback).status()).toBe(400);
  await expect.poll(gateway.process.output).toContain("OIDC_SENDER_CONSTRAINED=dpop");
});
