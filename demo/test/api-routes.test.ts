import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openApiDocument } from "../src/api/openapi.ts";
import { knownUser, startHarness, type Harness } from "./api-harness.ts";

let harness: Harness;
let alice: string;
let admin: string;

beforeAll(async () => {
  harness = await startHarness();
  alice = await harness.token(knownUser(harness.provider, "alice"));
  admin = await harness.token(knownUser(harness.provider, "admin"));
});
afterAll(() => harness.stop());

test("answers the message and says who asked", async () => {
  const response = await harness.call("/protected?message=probe", alice);
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    message: "probeReceived",
    user: { preferred_username: "alice", roles: ["user"], department: "engineering" },
  });
});

test.each([
  "/protected",
  "/protected?message=",
  "/protected?message=a&message=b",
  `/protected?message=${"x".repeat(201)}`,
])("refuses a missing, empty, repeated or endless message: %s", async (path) => {
  const response = await harness.call(path, alice);
  expect(response.status).toBe(400);
  expect(response.headers.get("content-type")).toContain("application/problem+json");
});

test("the admin route is for the role admin only", async () => {
  expect((await harness.call("/admin", admin)).status).toBe(200);
  const refused = await harness.call("/admin", alice);
  expect(refused.status).toBe(403);
  expect(refused.headers.get("www-authenticate")).toContain('error="insufficient_scope"');
  expect(await refused.json()).toMatchObject({ status: 403, code: "insufficient_scope" });
});

describe("the confidential route", () => {
  const nowSeconds = Math.floor(Date.now() / 1000);
  const ask = async (claims: Record<string, unknown>) =>
    harness.call("/confidential?message=probe", await harness.token(knownUser(harness.provider, "alice"), claims));

  test("answers who has logged in with two factors, and lately", async () => {
    const response = await ask({ acr: "2", auth_time: nowSeconds - 60 });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ message: "probeReceived", acr: "2", authTime: nowSeconds - 60 });
  });

  test.each([
    ["by password alone", { acr: "1", auth_time: nowSeconds }, /second step/],
    ["without a word about it", { acr: undefined, auth_time: nowSeconds }, /second step/],
    ["by a level that is no number", { acr: "3x", auth_time: nowSeconds }, /second step/],
    ["too long ago", { acr: "2", auth_time: nowSeconds - 1_000 }, /too long ago/],
    ["at an unknown time", { acr: "2", auth_time: undefined }, /too long ago/],
  ])("says which login it wants to who has logged in %s (RFC 9470)", async (_how, claims, detail) => {
    const response = await ask(claims);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toMatch(
      /^Bearer .*error="insufficient_user_authentication".*acr_values="2", max_age="900"$/,
    );
    expect(await response.json()).toMatchObject({
      code: "insufficient_user_authentication",
      detail: expect.stringMatching(detail),
    });
  });
});

test("the department route decides by a custom claim, not by the role", async () => {
  expect(await (await harness.call("/department", alice)).json()).toMatchObject({ department: "engineering" });
  expect((await harness.call("/department", admin)).status).toBe(403);
});

test("reads roles from a nested claim when told so", async () => {
  const keycloakLike = await startHarness({ rolesClaim: "realm_access.roles" });
  try {
    const user = knownUser(keycloakLike.provider, "alice");
    const token = await keycloakLike.token(user, { realm_access: { roles: ["admin"] } });
    expect((await keycloakLike.call("/admin", token)).status).toBe(200);
    expect((await keycloakLike.call("/admin", await keycloakLike.token(user))).status).toBe(403);
  } finally {
    await keycloakLike.stop();
  }
});

test("streams as many events as asked for, numbered on from what the reader saw", async () => {
  const response = await harness.call("/events?intervalMs=10&count=3", alice, { headers: { "last-event-id": "7" } });
  expect(response.headers.get("content-type")).toContain("text/event-stream");
  const text = await response.text();
  expect([...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))).toEqual([8, 9, 10]);
});

test("an event stream ends when its reader leaves", async () => {
  const reader = new AbortController();
  const response = await harness.call("/events?intervalMs=10", alice, { signal: reader.signal });
  await response.body?.getReader().read();
  expect(harness.api.openEventStreams()).toBe(1);
  reader.abort();
  await expect.poll(() => harness.api.openEventStreams()).toBe(0);
});

test("streams a download of 64 MB whose every byte can be foretold", async () => {
  const total = 64 * 1024 * 1024;
  const response = await harness.call(`/download?bytes=${total}`, alice);
  expect(response.headers.get("content-length")).toBe(String(total));
  let position = 0;
  let wrong = 0;
  for await (const chunk of response.body ?? []) {
    for (const at of [0, chunk.length - 1]) if (chunk[at] !== (position + at) % 251) wrong += 1;
    position += chunk.length;
  }
  expect({ position, wrong }).toEqual({ position: total, wrong: 0 });
});

test.each([
  ["bytes=250-252", 206, [250, 0, 1], "bytes 250-252/1000"],
  ["bytes=998-", 206, [998 % 251, 999 % 251], "bytes 998-999/1000"],
  ["bytes=-1", 206, [999 % 251], "bytes 999-999/1000"],
  ["bytes=998-5000", 206, [998 % 251, 999 % 251], "bytes 998-999/1000"],
])("serves the range %s", async (range, status, bytes, contentRange) => {
  const response = await harness.call("/download?bytes=1000", alice, { headers: { range } });
  expect(response.status).toBe(status);
  expect(response.headers.get("content-range")).toBe(contentRange);
  expect([...new Uint8Array(await response.arrayBuffer())]).toEqual(bytes);
});

test("a range outside is 416 and says how much there is", async () => {
  const response = await harness.call("/download?bytes=10", alice, { headers: { range: "bytes=10-" } });
  expect([response.status, response.headers.get("content-range")]).toEqual([416, "bytes */10"]);
});

test.each([
  "/download",
  "/download?bytes=-1",
  "/download?bytes=99999999999999",
  "/slow?ms=999999",
  "/events?intervalMs=1",
])("refuses what is out of bounds: %s", async (path) => {
  expect((await harness.call(path, alice)).status).toBe(400);
});

test("a slow answer comes after the time asked for", async () => {
  const started = performance.now();
  expect(await (await harness.call("/slow?ms=120", alice)).json()).toEqual({ waitedMs: 120 });
  expect(performance.now() - started).toBeGreaterThan(110);
});

test.each(["GET", "POST", "PUT", "PATCH", "DELETE"])(
  "echo says what arrived by %s, without the token",
  async (method) => {
    const body = method === "GET" ? {} : { body: "hello" };
    const response = await harness.call("/echo/a?b=c&b=d", alice, { method, ...body, headers: { "x-probe": "1" } });
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({
      method,
      path: "/echo/a",
      query: { b: ["c", "d"] },
      headers: { "x-probe": "1" },
      authorization: { present: true, sub: knownUser(harness.provider, "alice").sub },
      bodyBytes: method === "GET" ? 0 : 5,
    });
    expect(text).not.toContain(alice);
  },
);

test("an unknown path is 404 and a wrong method 405, both as problems", async () => {
  const missing = await harness.call("/nowhere", alice);
  const wrong = await harness.call("/protected", alice, { method: "DELETE" });
  expect([missing.status, wrong.status, wrong.headers.get("allow")]).toEqual([404, 405, "HEAD, GET"]);
  for (const response of [missing, wrong])
    expect(response.headers.get("content-type")).toContain("application/problem+json");
});

test.each(["/health", "/docs", "/openapi.json", "/redoc", "/favicon.ico"])("%s is open to everybody", async (path) => {
  expect((await harness.call(path)).status).toBe(200);
});

test.each(["/docs", "/redoc"])("everything that %s loads comes from the API itself", async (path) => {
  const html = await (await harness.call(path)).text();
  const addresses = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address ?? "");
  expect(addresses.length).toBeGreaterThan(2);
  for (const address of addresses) {
    const response = await harness.call(`/${address}`);
    expect([address, response.status]).toEqual([address, 200]);
    expect(await response.text()).not.toContain("https://cdn.");
  }
});

test("answers no origin with CORS headers", async () => {
  const response = await harness.call("/protected?message=a", alice, { headers: { origin: "https://evil.example" } });
  expect([...response.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
});

/** What this administrator, who logged in without a second factor, may not see. */
const REFUSED: Readonly<Record<string, number>> = {
  "/department": 403,
  "/confidential": 401,
  "/socket": 426,
};

test("the description names every route that answers, and nothing else", async () => {
  for (const [path, operations] of Object.entries(openApiDocument.paths))
    for (const method of Object.keys(operations)) {
      const query = path === "/events" ? "?count=1" : "?message=a&bytes=1&ms=1";
      const { status } = await harness.call(`${path}${query}`, admin, { method: method.toUpperCase() });
      expect([path, method, status]).toEqual([path, method, REFUSED[path] ?? 200]);
    }
});
