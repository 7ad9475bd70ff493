// Refresh with token rotation: Keycloak ends the session on reuse of a refresh token.
import { readFileSync } from "node:fs";
import { call, logIn } from "@cloakroom/testkit/keycloak/pages.ts";
import type { TestUser } from "@cloakroom/testkit/keycloak/realm-fixtures.ts";
import { expect, test } from "../support/test.ts";
import type { SharedSystem } from "@cloakroom/testkit/keycloak/shared-system.ts";

test("concurrent requests succeed across several token expiries without reuse of a refresh token", async ({
  page,
  system,
  newUser,
  newGateway,
}) => {
  const user = await newUser();
  const gateway = await newGateway({ clientAttributes: { "access.token.lifespan": "4" } });
  await logIn(page, gateway.origin, user);
  const tokens = new Set<unknown>();
  const statuses = new Set<number>();
  await expect
    .poll(
      async () => {
        const responses = await Promise.all(
          Array.from({ length: 12 }, () => call(page, "/api/protected?message=probe")),
        );
        for (const { status, body } of responses) {
          statuses.add(status);
          tokens.add((body["user"] as Record<string, unknown> | undefined)?.["jti"]);
        }
        return tokens.size;
      },
      { timeout: 40_000 },
    )
    .toBeGreaterThanOrEqual(4);
  expect([...statuses]).toEqual([200]);
  const linesWith = (text: string) => eventLines(system, user).filter((line) => line.includes(text));
  await expect.poll(() => linesWith('type="REFRESH_TOKEN"').length).toBeGreaterThanOrEqual(3);
  expect(linesWith("REFRESH_TOKEN_ERROR")).toEqual([]);
});

test("two gateway instances on one Redis use each refresh token once", async ({
  page,
  context,
  system,
  newUser,
  newGateway,
}) => {
  const user = await newUser();
  const gateway = await newGateway({ clientAttributes: { "access.token.lifespan": "4" } });
  const replica = await gateway.startReplica();
  await logIn(page, gateway.origin, user);
  const tokens = new Set<unknown>();
  // In a deployment both instances share one origin; here the test routes half of the requests to the second one.
  await context.route(`${gateway.origin}/api/**`, async (route) => {
    const url = new URL(route.request().url());
    if (url.searchParams.get("via") !== "replica") return route.continue();
    const cookie = (await context.cookies(gateway.origin)).map(({ name, value }) => `${name}=${value}`).join("; ");
    const response = await fetchFromReplica(replica.port, url, cookie);
    await route.fulfill({ status: response.status, contentType: "application/json", body: response.body });
  });
  const statuses = new Set<number>();
  await expect
    .poll(
      async () => {
        const responses = await Promise.all(
          Array.from({ length: 12 }, (_, n) =>
            call(page, `/api/protected?message=probe${n % 2 === 0 ? "&via=replica" : ""}`),
          ),
        );
        for (const { status, body } of responses) {
          statuses.add(status);
          tokens.add((body["user"] as Record<string, unknown> | undefined)?.["jti"]);
        }
        return tokens.size;
      },
      { timeout: 40_000 },
    )
    .toBeGreaterThanOrEqual(3);
  expect([...statuses]).toEqual([200]);
  await expect
    .poll(() => eventLines(system, user).filter((line) => line.includes('type="REFRESH_TOKEN"')).length)
    .toBeGreaterThanOrEqual(2);
  expect(eventLines(system, user).filter((line) => line.includes("REFRESH_TOKEN_ERROR"))).toEqual([]);
});

/** Keycloak's log lines about the user. Poll it: a line may be written after the response. */
function eventLines({ keycloak }: SharedSystem, user: TestUser): string[] {
  return readFileSync(keycloak.logFile, "utf8")
    .split("\n")
    .filter((line) => line.includes(user.id));
}

async function fetchFromReplica(port: number, url: URL, cookie: string): Promise<{ status: number; body: string }> {
  const { request } = await import("node:http");
  return new Promise((resolve, reject) => {
    const headers = { host: url.host, cookie, "x-csrf": "1", "sec-fetch-site": "same-origin" };
    request({ host: "127.0.0.1", port, path: url.pathname + url.search, headers }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => (body += chunk.toString()));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    })
      .on("error", reject)
      .end();
  });
}
