import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openApiDocument } from "../src/api/openapi.ts";
import { findUser, startApiSystem, type ApiSystem } from "./api-system.ts";

let system: ApiSystem;
let alice: string;
let admin: string;

beforeAll(async () => {
  system = await startApiSystem();
  alice = await system.token(findUser(system.provider, "alice"));
  admin = await system.token(findUser(system.provider, "admin"));
});
afterAll(() => system.stop());

test("/protected returns the message and the caller's claims", async () => {
  const response = await system.fetch("/protected?message=probe", alice);
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
])("a missing, empty, repeated or too long message is rejected: %s", async (path) => {
  const response = await system.fetch(path, alice);
  expect(response.status).toBe(400);
  expect(response.headers.get("content-type")).toContain("application/problem+json");
});

test("/admin requires the role admin", async () => {
  expect((await system.fetch("/admin", admin)).status).toBe(200);
  const forbidden = await system.fetch("/admin", alice);
  expect(forbidden.status).toBe(403);
  expect(forbidden.headers.get("www-authenticate")).toContain('error="insufficient_scope"');
  expect(await forbidden.json()).toMatchObject({ status: 403, code: "insufficient_scope" });
});

describe("/confidential", () => {
  const nowSeconds = Math.floor(Date.now() / 1000);
  const fetchConfidential = async (claims: Record<string, unknown>) =>
    system.fetch("/confidential?message=probe", await system.token(findUser(system.provider, "alice"), claims));

  test("/confidential accepts a login with two factors within the last 15 minutes", async () => {
    const response = await fetchConfidential({ acr: "2", auth_time: nowSeconds - 60 });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ message: "probeReceived", acr: "2", authTime: nowSeconds - 60 });
  });

  test.each([
    ["with one factor", { acr: "1", auth_time: nowSeconds }, /second step/],
    ["without acr", { acr: undefined, auth_time: nowSeconds }, /second step/],
    ["with a malformed acr", { acr: "3x", auth_time: nowSeconds }, /second step/],
    ["more than 15 minutes ago", { acr: "2", auth_time: nowSeconds - 1_000 }, /too long ago/],
    ["without auth_time", { acr: "2", auth_time: undefined }, /too long ago/],
  ])("/confidential rejects a login %s and names the required one (RFC 9470)", async (_title, claims, detail) => {
    const response = await fetchConfidential(claims);
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

test("/department requires the claim department and ignores roles", async () => {
  expect(await (await system.fetch("/department", alice)).json()).toMatchObject({ department: "engineering" });
  expect((await system.fetch("/department", admin)).status).toBe(403);
});

test("rolesClaim selects a nested claim", async () => {
  const nested = await startApiSystem({ rolesClaim: "realm_access.roles" });
  try {
    const user = findUser(nested.provider, "alice");
    const token = await nested.token(user, { realm_access: { roles: ["admin"] } });
    expect((await nested.fetch("/admin", token)).status).toBe(200);
    expect((await nested.fetch("/admin", await nested.token(user))).status).toBe(403);
  } finally {
    await nested.stop();
  }
});

test("an event stream sends the number of events in count and resumes after Last-Event-ID", async () => {
  const response = await system.fetch("/events?intervalMs=10&count=3", alice, { headers: { "last-event-id": "7" } });
  expect(response.headers.get("content-type")).toContain("text/event-stream");
  const text = await response.text();
  expect([...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))).toEqual([8, 9, 10]);
});

test("an event stream ends when the client disconnects", async () => {
  const reader = new AbortController();
  const response = await system.fetch("/events?intervalMs=10", alice, { signal: reader.signal });
  await response.body?.getReader().read();
  expect(system.api.openEventStreams()).toBe(1);
  reader.abort();
  await expect.poll(() => system.api.openEventStreams()).toBe(0);
});

test("a download of 64 MB has the documented byte pattern", async () => {
  const total = 64 * 1024 * 1024;
  const response = await system.fetch(`/download?bytes=${total}`, alice);
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
])("the range %s of a download is served", async (range, status, bytes, contentRange) => {
  const response = await system.fetch("/download?bytes=1000", alice, { headers: { range } });
  expect(response.status).toBe(status);
  expect(response.headers.get("content-range")).toBe(contentRange);
  expect([...new Uint8Array(await response.arrayBuffer())]).toEqual(bytes);
});

test("a range outside of a download gets 416 with its size", async () => {
  const response = await system.fetch("/download?bytes=10", alice, { headers: { range: "bytes=10-" } });
  expect([response.status, response.headers.get("content-range")]).toEqual([416, "bytes */10"]);
});

test.each([
  "/download",
  "/download?bytes=-1",
  "/download?bytes=99999999999999",
  "/slow?ms=999999",
  "/events?intervalMs=1",
])("a number out of bounds is rejected: %s", async (path) => {
  expect((await system.fetch(path, alice)).status).toBe(400);
});

test("/slow responds after the requested delay", async () => {
  const started = performance.now();
  expect(await (await system.fetch("/slow?ms=120", alice)).json()).toEqual({ waitedMs: 120 });
  expect(performance.now() - started).toBeGreaterThan(110);
});

test.each(["GET", "POST", "PUT", "PATCH", "DELETE"])(
  "/echo returns a %s request as received, without the token",
  async (method) => {
    const body = method === "GET" ? {} : { body: "hello" };
    const response = await system.fetch("/echo/a?b=c&b=d", alice, { method, ...body, headers: { "x-probe": "1" } });
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({
      method,
      path: "/echo/a",
      query: { b: ["c", "d"] },
      headers: { "x-probe": "1" },
      authorization: { present: true, sub: findUser(system.provider, "alice").sub },
      bodyBytes: method === "GET" ? 0 : 5,
    });
    expect(text).not.toContain(alice);
  },
);

test("an unknown path gets 404 and an unsupported method 405, both as problem documents", async () => {
  const missing = await system.fetch("/nowhere", alice);
  const wrong = await system.fetch("/protected", alice, { method: "DELETE" });
  expect([missing.status, wrong.status, wrong.headers.get("allow")]).toEqual([404, 405, "HEAD, GET"]);
  for (const response of [missing, wrong])
    expect(response.headers.get("content-type")).toContain("application/problem+json");
});

test.each(["/health", "/docs", "/openapi.json", "/redoc", "/favicon.ico"])("%s requires no token", async (path) => {
  expect((await system.fetch(path)).status).toBe(200);
});

test.each(["/docs", "/redoc"])("%s loads resources of the API itself only", async (path) => {
  const html = await (await system.fetch(path)).text();
  const urls = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url ?? "");
  expect(urls.length).toBeGreaterThan(2);
  for (const url of urls) {
    const response = await system.fetch(`/${url}`);
    expect([url, response.status]).toEqual([url, 200]);
    expect(await response.text()).not.toContain("https://cdn.");
  }
});

test("no response has CORS headers", async () => {
  const response = await system.fetch("/protected?message=a", alice, { headers: { origin: "https://evil.example" } });
  expect([...response.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
});

/** Error statuses for an administrator without a second factor who sends plain GET requests. */
const EXPECTED_ERRORS: Readonly<Record<string, number>> = {
  "/department": 403,
  "/confidential": 401,
  "/socket": 426,
};

test("every operation of the OpenAPI document responds with its expected status", async () => {
  for (const [path, operations] of Object.entries(openApiDocument.paths))
    for (const method of Object.keys(operations)) {
      const query = path === "/events" ? "?count=1" : "?message=a&bytes=1&ms=1";
      const { status } = await system.fetch(`${path}${query}`, admin, { method: method.toUpperCase() });
      expect([path, method, status]).toEqual([path, method, EXPECTED_ERRORS[path] ?? 200]);
    }
});
