import { expect, test } from "vitest";
import { parseRetryAfterMs, readProblem, sessionEndCodeOf } from "../src/problem.ts";

const problemOf = (status: number, body: unknown) =>
  readProblem(Response.json(body, { status, headers: { "x-request-id": "header-id" } }), "/bff/login");

test("a problem keeps its title, code and request id", async () => {
  const problem = await problemOf(503, { title: "T", code: "store_unavailable", requestId: "r1" });
  expect(problem).toMatchObject({ status: 503, code: "store_unavailable", requestId: "r1", title: "T" });
});

test("a body that is not a problem has no title and no code", async () => {
  for (const body of [null, "<html>", [], 5, { title: 7, code: {} }]) {
    expect(await problemOf(502, body)).toMatchObject({ title: null, code: null, requestId: "header-id" });
  }
  expect(await readProblem(new Response("<html>", { status: 502 }), "/bff/login")).toMatchObject({ code: null });
});

test("the title of a problem of type about:blank is dropped: it only repeats the status phrase", async () => {
  expect((await problemOf(401, { type: "about:blank", title: "Unauthorized" })).title).toBeNull();
});

test("a loginUrl outside the gateway's login route is dropped", async () => {
  expect((await problemOf(401, { loginUrl: "https://evil.example/bff/login" })).loginUrl).toBeNull();
  expect((await problemOf(401, { loginUrl: "//evil.example" })).loginUrl).toBeNull();
  expect((await problemOf(401, { loginUrl: "javascript:alert(1)" })).loginUrl).toBeNull();
  expect((await problemOf(401, { loginUrl: "/bff/login-elsewhere" })).loginUrl).toBeNull();
  expect((await problemOf(401, { loginUrl: "/bff/login/../../evil" })).loginUrl).toBeNull();
  expect((await problemOf(401, { loginUrl: "/bff/login?acr_values=gold" })).loginUrl).toBe(
    "/bff/login?acr_values=gold",
  );
});

test("only a 401 with a session code of the gateway ends the session", async () => {
  expect(sessionEndCodeOf(await problemOf(401, { code: "session_expired" }))).toBe("session_expired");
  expect(sessionEndCodeOf(await problemOf(401, { code: "invalid_token" }))).toBeNull();
  expect(sessionEndCodeOf(await problemOf(401, null))).toBeNull();
  expect(sessionEndCodeOf(await problemOf(503, { code: "session_expired" }))).toBeNull();
});

test("Retry-After is parsed as seconds and as an HTTP date", () => {
  const nowMs = Date.parse("2026-01-01T00:00:00Z");
  expect(parseRetryAfterMs("7", nowMs)).toBe(7_000);
  expect(parseRetryAfterMs("Thu, 01 Jan 2026 00:00:30 GMT", nowMs)).toBe(30_000);
  expect(parseRetryAfterMs("Wed, 31 Dec 2025 00:00:00 GMT", nowMs)).toBe(0);
  expect(parseRetryAfterMs("soon", nowMs)).toBeNull();
  expect(parseRetryAfterMs("9".repeat(400), nowMs)).toBeNull();
  expect(parseRetryAfterMs(null, nowMs)).toBeNull();
});
