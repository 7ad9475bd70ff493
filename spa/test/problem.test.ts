import { expect, test } from "vitest";
import { problemOf, retryAfterMsOf, sessionEndCodeOf } from "../src/server/problem.ts";

const answer = (status: number, body: unknown) =>
  problemOf({ status, body, requestIdHeader: "header-id", retryAfterMs: null });

test("a gateway problem keeps its code and request id", () => {
  const problem = answer(503, { title: "T", code: "store_unavailable", requestId: "r1" });
  expect(problem).toMatchObject({ status: 503, code: "store_unavailable", requestId: "r1", title: "T" });
});

test("an answer that is no problem document still says what happened", () => {
  for (const body of [null, "<html>", [], 5, { title: 7, code: {} }]) {
    expect(answer(502, body)).toMatchObject({
      title: "The server could not answer",
      code: null,
      requestId: "header-id",
    });
  }
});

test("a login URL that leads away from the gateway is dropped", () => {
  expect(answer(401, { loginUrl: "https://evil.example/bff/login" }).loginUrl).toBeNull();
  expect(answer(401, { loginUrl: "//evil.example" }).loginUrl).toBeNull();
  expect(answer(401, { loginUrl: "javascript:alert(1)" }).loginUrl).toBeNull();
  expect(answer(401, { loginUrl: "/bff/login?acr_values=gold" }).loginUrl).toBe("/bff/login?acr_values=gold");
});

test("only a 401 of the gateway ends the session", () => {
  expect(sessionEndCodeOf(answer(401, { code: "session_expired" }))).toBe("session_expired");
  expect(sessionEndCodeOf(answer(401, { code: "invalid_token" }))).toBeNull();
  expect(sessionEndCodeOf(answer(401, null))).toBeNull();
  expect(sessionEndCodeOf(answer(503, { code: "session_expired" }))).toBeNull();
});

test("Retry-After is read as seconds and as a date", () => {
  const nowMs = Date.parse("2026-01-01T00:00:00Z");
  expect(retryAfterMsOf("7", nowMs)).toBe(7_000);
  expect(retryAfterMsOf("Thu, 01 Jan 2026 00:00:30 GMT", nowMs)).toBe(30_000);
  expect(retryAfterMsOf("Wed, 31 Dec 2025 00:00:00 GMT", nowMs)).toBe(0);
  expect(retryAfterMsOf("soon", nowMs)).toBeNull();
  expect(retryAfterMsOf(null, nowMs)).toBeNull();
});
