// Refresh-token rotation without reuse: a token that is spent twice would end the session.
import { readFileSync } from "node:fs";
import { call, logIn } from "../support/pages.ts";
import type { TestUser } from "../support/realm-parts.ts";
import { expect, test } from "../support/test.ts";
import type { World } from "../support/world.ts";

test("work goes on while access tokens expire, many requests at once and no refresh token spent twice", async ({
  page,
  world,
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
        const answers = await Promise.all(Array.from({ length: 12 }, () => call(page, "/api/protected?message=probe")));
        for (const { status, body } of answers) {
          statuses.add(status);
          tokens.add((body["user"] as Record<string, unknown> | undefined)?.["jti"]);
        }
        return tokens.size;
      },
      { timeout: 40_000 },
    )
    .toBeGreaterThanOrEqual(4);
  expect([...statuses]).toEqual([200]);
  const linesWith = (text: string) => eventLines(world, user).filter((line) => line.includes(text));
  await expect.poll(() => linesWith('type="REFRESH_TOKEN"').length).toBeGreaterThanOrEqual(3);
  expect(linesWith("REFRESH_TOKEN_ERROR")).toEqual([]);
});

test("two gateways that share Redis spend each refresh token once between them", async ({
  page,
  context,
  world,
  newUser,
  newGateway,
}) => {
  const user = await newUser();
  const gateway = await newGateway({ clientAttributes: { "access.token.lifespan": "4" } });
  const twin = await gateway.twin();
  await logIn(page, gateway.origin, user);
  const tokens = new Set<unknown>();
  // The second instance stands behind the same name in a deployment; here the browser is sent to it by hand.
  await context.route(`${gateway.origin}/api/**`, async (route) => {
    const url = new URL(route.request().url());
    if (url.searchParams.get("via") !== "twin") return route.continue();
    const cookie = (await context.cookies(gateway.origin)).map(({ name, value }) => `${name}=${value}`).join("; ");
    const answer = await fetchFromTwin(twin.port, url, cookie);
    await route.fulfill({ status: answer.status, contentType: "application/json", body: answer.body });
  });
  const statuses = new Set<number>();
  await expect
    .poll(
      async () => {
        const answers = await Promise.all(
          Array.from({ length: 12 }, (_, n) =>
            call(page, `/api/protected?message=probe${n % 2 === 0 ? "&via=twin" : ""}`),
          ),
        );
        for (const { status, body } of answers) {
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
    .poll(() => eventLines(world, user).filter((line) => line.includes('type="REFRESH_TOKEN"')).length)
    .toBeGreaterThanOrEqual(2);
  expect(eventLines(world, user).filter((line) => line.includes("REFRESH_TOKEN_ERROR"))).toEqual([]);
});

/** What Keycloak has logged about the user so far: a line can be later than the response that it is about. */
function eventLines({ keycloak }: World, user: TestUser): string[] {
  return readFileSync(keycloak.logFile, "utf8")
    .split("\n")
    .filter((line) => line.includes(user.id));
}

async function fetchFromTwin(port: number, url: URL, cookie: string): Promise<{ status: number; body: string }> {
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
